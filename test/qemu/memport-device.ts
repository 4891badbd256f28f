import { REG } from '../../src/abi/constants.js';
import { blockLength } from '../../src/abi/frame.js';
import type { QtestMachine } from './qtest.js';

/** Where the machine "virt" has them: configuration space, and room for BARs of 32 and of 64 bits. */
const ECAM = 0x40_1000_0000n;
const MMIO = 0x1000_0000n;
const HIGH_MMIO = 0x80_0000_0000n;

const VENDOR = 0x00n;
const COMMAND = 0x04n;
const BAR0 = 0x10n;
const BAR2 = 0x18n;
const DECODE_MEMORY = 2n;

/** The device sdm-memport at 00:`slot`.0, with its BARs placed as firmware would. */
export class MemportDevice {
  static async at(machine: QtestMachine, slot: number): Promise<MemportDevice> {
    const config = ECAM + (BigInt(slot) << 15n);
    const [id] = await machine.read('l', [config + VENDOR]);
    if (id !== 0x10f0_1af4n)
      throw new Error(`00:${slot}.0 is 0x${id?.toString(16)}, not 1af4:10f0`);
    const device = new MemportDevice(machine, config);
    await device.place();
    return device;
  }

  readonly window = HIGH_MMIO;

  private constructor(
    readonly machine: QtestMachine,
    readonly config: bigint,
  ) {}

  /** Places the BARs, if they have no place. @returns true if they had none. */
  async place(): Promise<true | undefined> {
    const { config, machine } = this;
    const [bar] = await machine.read('l', [config + BAR0]);
    if (bar === MMIO) return undefined;
    await machine.write('l', [
      [config + BAR0, MMIO],
      [config + BAR2, HIGH_MMIO & 0xffff_ffffn],
      [config + BAR2 + 4n, HIGH_MMIO >> 32n],
    ]);
    await machine.write('w', [[config + COMMAND, DECODE_MEMORY]]);
    return true;
  }

  /** Registers by byte offset, all in one go. */
  read(offsets: readonly number[]): Promise<bigint[]> {
    return this.machine.read(
      'q',
      offsets.map((offset) => MMIO + BigInt(offset)),
    );
  }

  write(registers: readonly (readonly [offset: number, value: bigint])[]): Promise<void> {
    return this.machine.write(
      'q',
      registers.map(([offset, value]) => [MMIO + BigInt(offset), value] as const),
    );
  }

  /** The block as bytes, as far as its memports go. */
  async bytes(): Promise<Buffer> {
    const [nports] = await this.read([REG.NPORTS]);
    const length = blockLength(Number(nports));
    const words = await this.read(Array.from({ length: length / 8 }, (_, i) => 8 * i));
    const bytes = Buffer.alloc(length);
    words.forEach((word, i) => bytes.writeBigUInt64LE(word, 8 * i));
    return bytes;
  }
}
