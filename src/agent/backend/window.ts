/** What of a register block says where remote memory appears. Addresses and sizes in bytes. */
export interface WindowRegisters {
  readonly translation: boolean;
  readonly windowBase: bigint;
  readonly windowSize: bigint;
}

export interface Window {
  readonly start: bigint;
  readonly size: bigint;
}

/**
 * The local range that the kernel is to hold for remote memory. With translation it is what the
 * registers name; without, an access goes to the pool as it is, so it is the pool's BAR, and there is
 * none without a pool.
 */
export function localWindow(
  registers: WindowRegisters,
  pool: Window | undefined,
): Window | undefined {
  return registers.translation
    ? { start: registers.windowBase, size: registers.windowSize }
    : pool && { start: pool.start, size: pool.size };
}
