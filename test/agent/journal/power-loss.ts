import type { JournalFile, JournalFs } from '../../../src/agent/journal/fs.js';
import { basename } from 'node:path';

const PAGE = 4096;

export type DiskCall =
  'open' | 'read' | 'write' | 'truncate' | 'datasync' | 'rename' | 'remove' | 'syncDirectory';

/** A number from 0 to below `limit`: how a test lets chance decide, and repeats what it decided. */
export type Choose = (limit: number) => number;

/**
 * One file. Between two syncs the kernel may write any page at any time, or not at all, so every
 * version that a page had since it was last synced may be what is left of it.
 */
class Inode {
  content = Buffer.alloc(0);
  /** Versions of pages that may be on disk, the last one known to be there first. */
  readonly #pages = new Map<number, Buffer[]>();
  /** Pages that the next sync writes. */
  readonly #dirty = new Set<number>();
  #sizes = [0];

  resize(size: number): void {
    const before = this.content;
    const pages = Math.ceil(Math.max(size, before.length) / PAGE);
    const first = Math.floor(Math.min(size, before.length) / PAGE);
    for (let page = first; page < pages; page++) this.#keep(page);
    this.content = Buffer.alloc(size);
    before.copy(this.content);
    for (let page = first; page < pages; page++) this.#touch(page);
    if (size !== this.#sizes.at(-1)) this.#sizes.push(size);
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (end > this.content.length) this.resize(end);
    const [first, last] = [Math.floor(position / PAGE), Math.floor((end - 1) / PAGE)];
    for (let page = first; page <= last; page++) this.#keep(page);
    this.content.set(bytes, position);
    for (let page = first; page <= last; page++) this.#touch(page);
  }

  sync(): void {
    for (const page of this.#dirty) this.#pages.delete(page);
    this.#dirty.clear();
    this.#sizes = [this.content.length];
  }

  /** What was to be written counts as written, and nobody knows what of it is. */
  failSync(): void {
    this.#dirty.clear();
  }

  lose(choose: Choose): void {
    const size = this.#sizes[choose(this.#sizes.length)]!;
    const pages = Math.ceil(size / PAGE);
    const kept = Array.from({ length: pages }, (_, page) => {
      const versions = this.#pages.get(page);
      if (versions === undefined) return this.#page(page);
      const index = choose(versions.length);
      const version = versions[index]!;
      // torn: the disk was on it when the power went
      const cut = index === 0 || choose(2) === 0 ? PAGE : choose(PAGE);
      return Buffer.concat([
        version.subarray(0, cut),
        (versions[index - 1] ?? version).subarray(cut),
      ]);
    });
    this.content = Buffer.concat([...kept, Buffer.alloc(PAGE)]).subarray(0, size);
    this.#pages.clear();
    this.#dirty.clear();
    this.#sizes = [size];
  }

  #page(page: number): Buffer {
    const bytes = Buffer.alloc(PAGE);
    bytes.set(this.content.subarray(page * PAGE, (page + 1) * PAGE));
    return bytes;
  }

  #keep(page: number): void {
    if (!this.#pages.has(page)) this.#pages.set(page, [this.#page(page)]);
  }

  #touch(page: number): void {
    this.#pages.get(page)?.push(this.#page(page));
    this.#dirty.add(page);
  }
}

const pagesOf = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;

/**
 * A disk of which a power loss leaves what was synced, and of the rest whatever it likes. Paths are
 * known by their last part: it is one directory.
 */
export class PowerLossDisk {
  /** In bytes. */
  capacity = 64 << 20;
  /** Called before each call does something: what it returns is waited for. */
  gate: ((call: DiskCall) => Promise<void>) | undefined;
  /** How often each call was made. */
  readonly calls: Record<DiskCall, number> = {
    ...{ open: 0, read: 0, write: 0, truncate: 0, datasync: 0 },
    ...{ rename: 0, remove: 0, syncDirectory: 0 },
  };
  readonly #faults = new Map<DiskCall, string[]>();
  #names = new Map<string, Inode>();
  #durable = new Map<string, Inode>();
  #pending: ((names: Map<string, Inode>) => void)[] = [];
  #locked = false;
  #process = 0;

  /** The next such call fails so; several: one after the other. */
  fail(call: DiskCall, ...errnos: string[]): void {
    this.#faults.set(call, [...(this.#faults.get(call) ?? []), ...errnos]);
  }

  /** No call fails any more. */
  mend(): void {
    this.#faults.clear();
  }

  /** As programs see them now. */
  get files(): ReadonlyMap<string, Buffer> {
    return new Map([...this.#names].map(([name, { content }]) => [name, content]));
  }

  /** Bytes that files occupy. */
  get used(): number {
    return [...this.#names.values()].reduce((sum, i) => sum + pagesOf(i.content.length), 0);
  }

  /** Puts a file there, safely. */
  put(name: string, content: Uint8Array): void {
    const inode = new Inode();
    inode.write(content, 0);
    inode.sync();
    this.#names.set(name, inode);
    this.#durable.set(name, inode);
  }

  /** SIGKILL: the process gets no answer any more; what it wrote is there, synced or not. */
  kill(): void {
    this.#process += 1;
    this.#locked = false;
    this.#faults.clear();
  }

  /** Power loss. */
  crash(choose: Choose): void {
    this.kill();
    for (const act of this.#pending.slice(0, choose(this.#pending.length + 1))) act(this.#durable);
    this.#pending = [];
    this.#names = new Map(this.#durable);
    for (const inode of this.#names.values()) inode.lose(choose);
  }

  /** The disk as a new process sees it. */
  fs(): JournalFs {
    const me = this.#process;
    const call = async <T>(name: DiskCall, act: (errno: string | undefined) => T): Promise<T> => {
      await this.gate?.(name);
      // A dead process gets no answer.
      if (me !== this.#process) return new Promise<T>(() => {});
      this.calls[name] += 1;
      const errno = this.#faults.get(name)?.shift();
      const plain = !['write', 'datasync'].includes(name);
      if (errno !== undefined && plain) throw failure(errno, name);
      return act(errno);
    };
    return {
      makeDirectory: () => Promise.resolve(),
      lock: () => this.#lock(me),
      read: (path) => call('read', () => copy(this.#names.get(basename(path))?.content)),
      open: (path) => call('open', () => this.#file(this.#open(basename(path)), call)),
      rename: (from, to) =>
        call('rename', () => this.#change((names) => move(names, basename(from), basename(to)))),
      remove: (path) => call('remove', () => this.#change((names) => names.delete(basename(path)))),
      syncDirectory: () => call('syncDirectory', () => this.#syncDirectory()),
      allocated: (path) =>
        Promise.resolve(pagesOf(this.#names.get(basename(path))?.content.length ?? 0)),
      free: () => Promise.resolve(BigInt(this.#free())),
    };
  }

  #lock(me: number): { close(): void } {
    if (me !== this.#process) return { close: () => {} };
    if (this.#locked) throw failure('SDM_LOCKED', 'flock');
    this.#locked = true;
    return {
      close: () => {
        if (me === this.#process) this.#locked = false;
      },
    };
  }

  #free(): number {
    return Math.max(0, this.capacity - this.used);
  }

  #open(name: string): Inode {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const inode = new Inode();
    this.#change((names) => names.set(name, inode));
    return inode;
  }

  #change(act: (names: Map<string, Inode>) => void): void {
    act(this.#names);
    this.#pending.push(act);
  }

  #syncDirectory(): void {
    for (const act of this.#pending) act(this.#durable);
    this.#pending = [];
  }

  #file(
    inode: Inode,
    call: <T>(name: DiskCall, act: (errno: string | undefined) => T) => Promise<T>,
  ): JournalFile {
    return {
      write: (bytes, position) =>
        call('write', (errno) => {
          const old = inode.content.length;
          const room = pagesOf(old) + this.#free() - position;
          const fits = errno === undefined ? Math.min(bytes.length, room) : bytes.length >> 1;
          inode.write(bytes.subarray(0, fits), position);
          if (errno !== undefined || fits < bytes.length) throw failure(errno ?? 'ENOSPC', 'write');
        }),
      truncate: (length) => call('truncate', () => inode.resize(length)),
      datasync: () =>
        call('datasync', (errno) => {
          if (errno === undefined) return inode.sync();
          inode.failSync();
          throw failure(errno, 'fdatasync');
        }),
      close: () => Promise.resolve(),
    };
  }
}

function move(names: Map<string, Inode>, from: string, to: string): void {
  const inode = names.get(from);
  if (inode === undefined) return;
  names.set(to, inode);
  names.delete(from);
}

function copy(content: Buffer | undefined): Buffer | undefined {
  return content === undefined ? undefined : Buffer.from(content);
}

function failure(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: the disk was told to, ${syscall}`), { code, syscall });
}
