// The 34 provinces and how many people live in each, in hundred thousands, about 2025: copies are as unequal as they are in life.
export interface ProvinceWeight {
  readonly code: string;
  readonly weight: number;
}

export const provinceWeights: readonly ProvinceWeight[] = Object.entries({
  "01": 87,
  "04": 6,
  "08": 18,
  "11": 7,
  "12": 5,
  "14": 14,
  "15": 17,
  "19": 17,
  "20": 9,
  "22": 15,
  "24": 36,
  "25": 40,
  "31": 46,
  "33": 35,
  "37": 44,
  "38": 43,
  "40": 38,
  "42": 16,
  "44": 18,
  "46": 14,
  "48": 30,
  "51": 21,
  "52": 35,
  "56": 22,
  "66": 33,
  "68": 38,
  "75": 44,
  "79": 140,
  "80": 32,
  "82": 43,
  "86": 43,
  "91": 49,
  "92": 42,
  "96": 26,
})
  .map(([code, weight]) => ({ code, weight }))
  .toSorted((a, b) => a.code.localeCompare(b.code));

const weightOf = (provinces: readonly ProvinceWeight[]): number => provinces.reduce((sum, { weight }) => sum + weight, 0);

/** A number of [0, 1) below `upTo`, and not below that of the province before, stands for somebody of the province. */
export const provinceBorders: readonly { readonly code: string; readonly upTo: number }[] = provinceWeights.map(({ code }, at) => ({
  code,
  upTo: weightOf(provinceWeights.slice(0, at + 1)) / weightOf(provinceWeights),
}));

/** Districts of each province; its code and one digit. */
export const districtsPerProvince = 6;

/** Codes of all districts, in order. */
export const districtCodes: readonly string[] = provinceWeights.flatMap(({ code }) =>
  Array.from({ length: districtsPerProvince }, (_, district) => `${code}${district}`),
);
