import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cached, hashFiles, hashOf } from '../../common/cache.js';
import { cacheDir, projectDir } from '../../common/paths.js';
import { run } from '../../common/exec.js';
import { Progress } from '../../common/progress.js';
import { PrivateApt } from './apt.js';
import type { Context } from './context.js';
import { ensureArtifacts, type ArtifactOptions, type Artifacts } from './index.js';
import { ensureBase, type Beginning } from './initrd.js';
import { ensureKernel, unpack, versionOf, type Kernel } from './kernel.js';
import { ensureNode } from './node.js';
import { BRICK_PACKAGES, resolvePackages, type Resolution } from './resolution.js';
import { DROPPED, merge } from './root.js';

/** Raised when the way the image is made changes. */
const RECIPE = '1';
/** The system with systemd, and what an administrator works with. Libraries come by themselves. */
const PACKAGES: readonly string[] = [
  ...BRICK_PACKAGES,
  ...['systemd', 'systemd-sysv', 'udev', 'kmod', 'procps', 'iproute2', 'hostname'],
  ...['base-files', 'base-passwd', 'passwd', 'login', 'mount', 'util-linux', 'coreutils'],
  ...[
    'bash',
    'dash',
    'debianutils',
    'diffutils',
    'findutils',
    'grep',
    'gzip',
    'mawk',
    'sed',
    'tar',
  ],
];
const BEGINNING: Beginning = {
  kind: 'debian-base',
  skeleton: 'src/rack/guest/debian-init',
  modules: [
    ...['virtio_pci', 'virtio_blk', 'virtio_net', 'crc32c_generic'],
    ...['erofs', 'loop', 'ext4', 'overlay'],
  ],
};
const FILES = 'src/rack/guest/debian-root';
/** Directories that no package brings, but every system has. */
const DIRECTORIES = ['dev', 'home', 'mnt', 'proc', 'root', 'run', 'srv', 'sys', 'tmp'];
/** The journal is kept over boots where this is. */
const JOURNAL = 'var/log/journal';
/** What the scripts of packages would have made. */
const USERS = [
  'sshd:x:104:65534::/run/sshd:/usr/sbin/nologin',
  'operator:x:1000:1000:an administrator without rights:/tmp:/bin/sh',
];
const WANTED = ['ssh.service', 'brick-ready.service'];
/** Without the bus, which this has no other use for, it would fail again and again. */
const MASKED = ['systemd-logind.service', 'getty@tty1.service', 'serial-getty@ttyAMA0.service'];

/**
 * A whole Debian of this machine's release with systemd, for arm64, in place of a brick's own small
 * root: what rackUp() boots with `artifacts`, together with a `disk` that keeps what is written.
 * Packages are unpacked and not configured. There is no agent in it; node is in /usr/bin, sdmc_mem
 * in /lib/modules (after `depmod`), memfill and mempin in /usr/local/bin, and a user "operator"
 * without rights. The kernel's own policy for new memory is in force. EROFS images that rackUp() is
 * given as /brick/layers/NAME.erofs (`extra`) lie over the root, as if installed there.
 * @throws as ensureArtifacts() does.
 */
export async function ensureDebian(options: ArtifactOptions = {}): Promise<Artifacts> {
  const { env = process.env, progress = new Progress(), signal } = options;
  const brick = await ensureArtifacts(options);
  const cache = options.cache ?? cacheDir(env);
  const context: Context = { cache, project: projectDir(), progress, signal, env };
  const apt = await PrivateApt.open(context);
  const resolution = await resolvePackages(context, apt, PACKAGES);
  const kernel = await ensureKernel(context, apt, resolution);
  return {
    ...brick,
    base: await ensureBase(context, apt, resolution, kernel, BEGINNING),
    root: await ensureImage(context, apt, resolution, kernel),
    append: [
      // memhp_default_state is left as Debian's kernel has it.
      ...brick.append.filter((word) => !word.startsWith('memhp_default_state=')),
      // The network is set up before udev, which would give its interface another name.
      'net.ifnames=0',
    ],
  };
}

async function ensureImage(
  context: Context,
  apt: PrivateApt,
  { root }: Resolution,
  kernel: Kernel,
): Promise<string> {
  const node = await ensureNode(context);
  const files = hashFiles(context.project, [FILES]);
  const choices = [...DIRECTORIES, ...USERS, ...WANTED, ...MASKED];
  const dir = await cached({
    cache: context.cache,
    kind: 'debian-root',
    key: hashOf(RECIPE, node, kernel.modules, files, ...choices, ...root.map(versionOf)),
    signal: context.signal,
    make: async (to) => {
      await context.progress.step('Make the image of a Debian with systemd', async () => {
        const tree = join(to, 'tree');
        await unpack(context, apt, root, tree);
        joinUsr(tree);
        copyFileSync(node, join(tree, 'usr/bin/node'));
        cpSync(join(context.project, FILES), tree, { recursive: true });
        configure(tree);
        await addModuleLists(kernel, join(tree, 'usr/lib/modules', kernel.release));
        await run(
          ['mkfs.erofs', '--quiet', '--all-root', '-T0', '-x-1', join(to, 'root.erofs'), tree],
          { signal: context.signal, onLine: context.progress.trace },
        );
        rmSync(tree, { recursive: true });
      });
    },
  });
  return join(dir, 'root.erofs');
}

/** Debian 12 still packs some of it beside /usr; an installed system has links there. */
function joinUsr(tree: string): void {
  for (const name of ['bin', 'sbin', 'lib']) {
    merge(join(tree, name), join(tree, 'usr', name));
    symlinkSync(`usr/${name}`, join(tree, name));
  }
  for (const name of DROPPED) rmSync(join(tree, 'usr', name), { recursive: true, force: true });
}

/** What the scripts of packages would do, as far as this system needs it. */
function configure(tree: string): void {
  for (const name of [...DIRECTORIES, JOURNAL]) mkdirSync(join(tree, name), { recursive: true });
  for (const name of ['passwd', 'group']) {
    copyFileSync(join(tree, 'usr/share/base-passwd', `${name}.master`), join(tree, 'etc', name));
  }
  appendFileSync(join(tree, 'etc/passwd'), USERS.map((line) => `${line}\n`).join(''));
  appendFileSync(join(tree, 'etc/group'), 'operator:x:1000:\n');
  link(tree, '/usr/bin/mawk', 'usr/bin/awk');
  link(tree, '/dev/null', ...MASKED.map((unit) => `etc/systemd/system/${unit}`));
  link(tree, '/lib/systemd/system/multi-user.target', 'etc/systemd/system/default.target');
  for (const unit of WANTED) {
    const own = unit === 'brick-ready.service' ? '/etc' : '/lib';
    const wants = `etc/systemd/system/multi-user.target.wants/${unit}`;
    link(tree, `${own}/systemd/system/${unit}`, wants);
  }
  // There is no fstab: all of it is mounted before systemd begins.
  writeFileSync(join(tree, 'etc/fstab'), '');
}

function link(tree: string, target: string, ...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    rmSync(join(tree, path), { force: true });
    symlinkSync(target, join(tree, path));
  }
}

/** What modprobe and depmod want to know of a kernel whose modules are not here. */
async function addModuleLists(kernel: Kernel, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    copyFileSync(join(kernel.modules, name), join(to, name));
  }
}
