// Why a copy may not be used, and what the person who is refused is told. Data only: every target's gate is made from it.

/** Stable words; `reason` of the status view and of `status --json`. */
export type RefusalReason =
  | "checkpoint_missing"
  | "not_agreed"
  | "terminated"
  | "withdrawn"
  | "agreement_not_begun"
  | "agreement_ended"
  | "suspended"
  | "quarantined"
  | "stopped"
  | "loading"
  | "never_synced"
  | "resyncing"
  | "expired";

export interface RefusalText {
  /** Ends the sentence "population/hcm is not usable: ". `{since}` is the instant, `{detail}` a word that belongs to the reason. */
  readonly words: string;
  /** What to do, in English and in Vietnamese. */
  readonly hint: string;
  readonly hintVi: string;
}

export const refusalTexts: Readonly<Record<RefusalReason, RefusalText>> = {
  checkpoint_missing: {
    words: "its checkpoint is missing",
    hint: "The record of what was applied is gone from schema dongbo: the operator must restore it or load the copy anew.",
    hintVi: "Không còn bản ghi vị trí đã đồng bộ trong lược đồ dongbo: đơn vị vận hành phải khôi phục hoặc nạp lại bản sao.",
  },
  not_agreed: {
    words: "its share is not in force ({detail})",
    hint: "The sharing agreement must be concluded and activated first.",
    hintVi: "Thỏa thuận chia sẻ dữ liệu phải được ký kết và kích hoạt trước.",
  },
  terminated: {
    words: "its share is {detail}",
    hint: "Sharing has ended; ask the provider whether a new agreement is to be made.",
    hintVi: "Việc chia sẻ dữ liệu đã chấm dứt; hãy liên hệ cơ quan cung cấp nếu cần thỏa thuận mới.",
  },
  withdrawn: {
    words: "its table was withdrawn at {since}",
    hint: "The table no longer belongs to the share; ask the provider.",
    hintVi: "Bảng này không còn thuộc phạm vi chia sẻ; hãy liên hệ cơ quan cung cấp.",
  },
  agreement_not_begun: {
    words: "agreement_not_begun before {since}",
    hint: "The term of the agreement has not begun.",
    hintVi: "Thời hạn của thỏa thuận chia sẻ chưa bắt đầu.",
  },
  agreement_ended: {
    words: "agreement_ended at {since}",
    hint: "The term of the agreement is over: it must be renewed before the data may be used again.",
    hintVi: "Thời hạn của thỏa thuận chia sẻ đã hết: cần gia hạn trước khi tiếp tục sử dụng dữ liệu.",
  },
  suspended: {
    words: "suspended for {detail}",
    hint: "The provider has suspended the share and its use; the operator knows the notice and what is needed to restore it.",
    hintVi: "Cơ quan cung cấp đã tạm ngừng chia sẻ và sử dụng dữ liệu; đơn vị vận hành có thông báo và điều kiện khôi phục.",
  },
  quarantined: {
    words: "quarantined after a failed verification",
    hint: "The copy was found to differ from the master; the operator must repair or re-sync it.",
    hintVi: "Bản sao được phát hiện sai khác với dữ liệu gốc; đơn vị vận hành phải sửa chữa hoặc đồng bộ lại.",
  },
  stopped: {
    words: "its table is stopped by {detail}",
    hint: "The operator must remove the cause that `dongbo status` names, then the table goes on.",
    hintVi: "Đơn vị vận hành phải khắc phục nguyên nhân nêu trong `dongbo status` thì bảng mới tiếp tục được đồng bộ.",
  },
  loading: {
    words: "loading, its first load is not complete",
    hint: "Wait until the first load is complete; dongbo.status shows the state.",
    hintVi: "Hãy chờ nạp xong dữ liệu lần đầu; xem trạng thái trong dongbo.status.",
  },
  never_synced: {
    words: "never synced, its first load is not complete",
    hint: "Wait until the first load is complete; dongbo.status shows the state.",
    hintVi: "Hãy chờ nạp xong dữ liệu lần đầu; xem trạng thái trong dongbo.status.",
  },
  resyncing: {
    words: "resyncing, its rows are being read anew",
    hint: "Wait until the re-sync is complete; dongbo.status shows the state.",
    hintVi: "Hãy chờ đồng bộ lại xong; xem trạng thái trong dongbo.status.",
  },
  expired: {
    words: "expired at {since}",
    hint: "The data has no use value until it is synchronized again; ask the operator why it was not, dongbo.status shows the state.",
    hintVi: "Dữ liệu không còn giá trị sử dụng cho đến khi được đồng bộ lại; hãy hỏi đơn vị vận hành, xem trạng thái trong dongbo.status.",
  },
};
