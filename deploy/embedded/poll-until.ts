/** Asks again every 50 ms until the answer is something; throws at the deadline with what was waited for. */
export async function pollUntil<T>(ask: () => Promise<T | null>, awaited: string, deadlineMs = 60_000): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs / 1000} s in vain for ${awaited}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}
