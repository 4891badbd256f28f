// Loads the parts of the bundle, their files compiled from V8's code cache where there is one.
//
// scripts/bundle/make.mjs puts this beside the parts as sdm-agent.cjs. A cache is known by the hash
// of the bundle, Node's version and the architecture, and V8 compares its own version and flags with
// those that it was made with: one that does not fit is never used, and all works without.
'use strict';
const fs = require('node:fs');
const { dirname, join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

/** The part that the others are loaded for; it runs the command line. */
const ENTRY = '@ENTRY@';
/** Files of the parts that do not have one by themselves. */
const UNITS = '@UNITS@';
/** Name of the directory with the caches of this bundle for this Node. */
const KEY = `@HASH@-${process.version}-${process.arch}`;
/** What the build or the installation made. */
const SHIPPED = join(__dirname, '../cache', KEY);
/** Modules of Node's that take a while to load and that few starts use: in the parts, they are only
 * reached through the module object. */
const LATER = new Set(['node:crypto', 'node:fs/promises', 'node:module', 'node:timers/promises']);
/** Later than any start, so that all that a start compiles is in a cache; early enough for V8 still
 * to have it. Nothing waits for this. */
const SAVE_AFTER_MS = 15_000;
/** How many bundles and versions of Node have caches in a user's directory. */
const KEEP = 3;

/** Set by scripts/code-cache.mjs, whose caches are made by running commands one after the other. */
const making = process.env.SDM_CODE_CACHE && join(process.env.SDM_CODE_CACHE, KEY);
const shipped = !making && fs.existsSync(SHIPPED);
const caches = making || (shipped ? SHIPPED : ownDirectory());
const trusted = making || shipped || isOurs(caches);

/** By file: functions that make parts, by the names of these. */
const units = new Map();
const parts = new Map();
/** Scripts whose caches are to be saved, by their files. */
const unsaved = new Map();
let timer;

load(ENTRY);

/** Where this user may leave caches; undefined: nowhere. */
function ownDirectory() {
  // V8 refuses a cache made with other flags: whoever tries some must not take it from the others.
  if (process.execArgv.length > 0 || process.env.NODE_OPTIONS) return undefined;
  const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env;
  // systemd's is a list, and ours alone.
  if (CACHE_DIRECTORY) return join(CACHE_DIRECTORY.split(':')[0], 'code', KEY);
  const home = process.getuid() === 0 ? '/var/cache' : HOME && join(HOME, '.cache');
  const base = XDG_CACHE_HOME || home;
  return base && join(base, 'sdm/code', KEY);
}

/** A cache is code: only what nobody else could write is run. */
function isOurs(directory) {
  try {
    const stat = fs.lstatSync(directory);
    return stat.isDirectory() && stat.uid === process.getuid() && (stat.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

function load(name) {
  const known = parts.get(name);
  if (known !== undefined) return known.exports;
  const file = UNITS[name] ?? name;
  const unit = units.get(file) ?? compile(file);
  const part = { exports: {} };
  parts.set(name, part);
  const { make, path, url } = unit;
  make[name](part.exports, requirePart, part, path, __dirname, url, requirePart, part);
  return part.exports;
}

function compile(file) {
  const path = join(__dirname, file);
  // All of it is ASCII; as Latin-1 it is taken without being decoded.
  const source = fs.readFileSync(path, 'latin1');
  const cachedData = trusted ? readCache(file) : undefined;
  const script = new Script(source, { filename: path, cachedData });
  if (making || cachedData === undefined || script.cachedDataRejected) saveLater(file, script);
  const unit = { path, url: pathToFileURL(path).href, make: script.runInThisContext() };
  units.set(file, unit);
  return unit;
}

function requirePart(name) {
  if (name.startsWith('./')) return load(name.slice(2));
  return LATER.has(name) ? requireLater(name) : require(name);
}

function requireLater(name) {
  let real;
  return new Proxy({}, { get: (_, key) => (real ??= require(name))[key] });
}

function readCache(file) {
  try {
    return fs.readFileSync(join(caches, `${file}.cache`));
  } catch {
    return undefined;
  }
}

function saveLater(file, script) {
  if (shipped || caches === undefined) return;
  if (unsaved.size === 0) process.once('exit', save);
  unsaved.set(file, script);
  if (!making) timer ??= setTimeout(save, SAVE_AFTER_MS).unref();
}

/** Whatever goes wrong here (a full disk, a directory that is read-only) costs time and no more. */
function save() {
  try {
    makeDirectory(caches);
    if (!making && !isOurs(caches)) return;
    for (const [file, script] of unsaved) saveOne(join(caches, `${file}.cache`), script);
    if (!making) prune(dirname(caches));
  } catch {
    // The next start tries again.
  } finally {
    unsaved.clear();
    timer = undefined;
    process.off('exit', save);
  }
}

/** With those above it that may be missing. Node's own way never ends where /proc refuses. */
function makeDirectory(path, above = 3) {
  if (above > 0 && !fs.existsSync(dirname(path))) makeDirectory(dirname(path), above - 1);
  if (!fs.existsSync(path)) fs.mkdirSync(path, { mode: 0o755 });
}

/** Appears whole or not at all, also after a loss of power: V8 does not look at all of it. */
function saveOne(file, script) {
  const temporary = `${file}.${process.pid}`;
  try {
    const fd = fs.openSync(temporary, 'wx', 0o644);
    try {
      fs.writeSync(fd, script.createCachedData());
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function prune(directory) {
  const kept = fs
    .readdirSync(directory)
    .map((name) => ({ path: join(directory, name), name }))
    .filter(({ name }) => name !== KEY && /^[0-9a-f]{16}-v/.test(name))
    .map((entry) => ({ ...entry, at: fs.statSync(entry.path).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of kept.slice(KEEP - 1)) fs.rmSync(path, { recursive: true });
}
