const POLL_MS = 20;

/**
 * Looks at once and then every 20 ms until `seen` is true.
 * @returns false if the deadline passed first.
 */
export function waitUntil(seen: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  return new Promise((resolve, reject) => {
    const look = (): void => {
      try {
        if (seen()) resolve(true);
        else if (performance.now() >= deadline) resolve(false);
        else setTimeout(look, Math.min(POLL_MS, Math.max(1, deadline - performance.now())));
      } catch (error) {
        reject(error as Error);
      }
    };
    look();
  });
}
