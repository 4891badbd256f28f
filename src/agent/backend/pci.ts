import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A BAR; `resource2` is index 2. Bytes; `end` is inclusive. */
export interface PciResource {
  readonly index: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly size: bigint;
}

export interface PciDevice {
  readonly address: string;
  /** Vendor and device, such as "1af4:1110". */
  readonly id: string;
  readonly resources: readonly PciResource[];
}

/** ivshmem-plain of stock QEMU. */
export const IVSHMEM_ID = '1af4:1110';
/** The BAR of ivshmem that is the shared memory. */
export const IVSHMEM_BAR = 2;

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

/** PCI devices of one id, by address. An empty list where there is no PCI at all. */
export function listPciDevices(sysfs: string, id: string): PciDevice[] {
  const root = join(sysfs, 'bus/pci/devices');
  let addresses: string[];
  try {
    addresses = readdirSync(root).sort();
  } catch {
    return [];
  }
  return addresses.flatMap((address) => {
    const read = (name: string): string => readFileSync(join(root, address, name), 'utf8').trim();
    try {
      const found = `${read('vendor').slice(2)}:${read('device').slice(2)}`;
      return found === id ? [{ address, id, resources: parseResources(read('resource')) }] : [];
    } catch {
      return []; // unplugged while we looked
    }
  });
}

/** The BAR that is the shared memory of an ivshmem device. */
export function sharedMemory(device: PciDevice): PciResource | undefined {
  return device.resources.find((resource) => resource.index === IVSHMEM_BAR);
}

/** The file through which that BAR is mapped and locked. */
export function barPath(sysfs: string, address: string): string {
  return join(sysfs, 'bus/pci/devices', address, `resource${IVSHMEM_BAR}`);
}

export function isPciAddress(name: string): boolean {
  return /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(name);
}
