import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A BAR; `resource2` is index 2. Bytes; `end` is inclusive. */
export interface PciResource {
  readonly index: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly size: bigint;
}

/** A kind of device that can be part of a brick. BARs by index. */
export interface PciKind {
  readonly name: string;
  /** Vendor and device. */
  readonly id: string;
  /** Where its register block is, if it has one. */
  readonly registers: number;
  /** Where remote memory appears, if it is that: a pool, or a window. */
  readonly memory: number;
}

export interface PciDevice {
  readonly address: string;
  readonly kind: PciKind;
  readonly resources: readonly PciResource[];
}

/** ivshmem-plain of stock QEMU: one carries a passive block, another is the pool. */
export const IVSHMEM: PciKind = { name: 'ivshmem', id: '1af4:1110', registers: 2, memory: 2 };
/** The memport logic of a QEMU with our series: registers, and the window that they map into. */
export const SDM_MEMPORT: PciKind = {
  name: 'sdm-memport',
  id: '1af4:10f0',
  registers: 0,
  memory: 2,
};
/** The one table of what there is. */
export const PCI_KINDS: readonly PciKind[] = [IVSHMEM, SDM_MEMPORT];

/** What a machine without any of them lacks, for messages. */
export const NO_PCI_DEVICE = `no ${PCI_KINDS.map(({ name, id }) => `${name} (${id})`).join(' or ')} device`;

/** Lines of a device's `resource` file, the BARs that are not there left out. */
export function parseResources(text: string): PciResource[] {
  return text.split('\n').flatMap((line, index) => {
    const [first, last] = line.trim().split(/\s+/);
    if (first === undefined || last === undefined) return [];
    const start = BigInt(first);
    const end = BigInt(last);
    return end === 0n ? [] : [{ index, start, end, size: end - start + 1n }];
  });
}

/** The kind of a PCI device; undefined for any other, and where it is not there. */
function kindOf(directory: string): PciKind | undefined {
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8').trim();
  try {
    const id = `${read('vendor').slice(2)}:${read('device').slice(2)}`;
    return PCI_KINDS.find((kind) => kind.id === id);
  } catch {
    return undefined; // unplugged while we looked
  }
}

/** PCI devices of these kinds, by address. An empty list where there is no PCI at all. */
export function listPciDevices(sysfs: string, kinds = PCI_KINDS): PciDevice[] {
  const root = join(sysfs, 'bus/pci/devices');
  let addresses: string[];
  try {
    addresses = readdirSync(root).sort();
  } catch {
    return [];
  }
  return addresses.flatMap((address) => {
    const kind = kindOf(join(root, address));
    if (kind === undefined || !kinds.includes(kind)) return [];
    try {
      const resources = parseResources(readFileSync(join(root, address, 'resource'), 'utf8'));
      return [{ address, kind, resources }];
    } catch {
      return []; // as above
    }
  });
}

/** The BAR where the registers of a device would be, or remote memory; undefined: it has none. */
export function barOf(
  { kind, resources }: PciDevice,
  what: 'registers' | 'memory',
): PciResource | undefined {
  return resources.find(({ index }) => index === kind[what]);
}

/** The BAR where the registers of a device are, by its address. */
export function registersBar(sysfs: string, address: string): number {
  return (kindOf(join(sysfs, 'bus/pci/devices', address)) ?? IVSHMEM).registers;
}

/** The file through which that BAR is mapped and locked. */
export function barPath(sysfs: string, address: string): string {
  const directory = join(sysfs, 'bus/pci/devices', address);
  return join(directory, `resource${registersBar(sysfs, address)}`);
}

export function isPciAddress(name: string): boolean {
  return /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(name);
}
