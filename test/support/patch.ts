/** What a patch adds or changes, by path: of a new file all of it. */
interface Change {
  readonly isNew: boolean;
  readonly lines: readonly string[];
}

/** Reads a patch as git writes them: the changes of each file. */
function changesOf(patch: string): Map<string, Change> {
  const changes = new Map<string, Change>();
  for (const part of patch.split(/^diff --git /m).slice(1)) {
    const path = /^\+\+\+ b\/(.*)$/m.exec(part)?.[1];
    const begin = part.indexOf('\n@@ ');
    if (path === undefined || begin < 0) continue;
    // The end of a mail is a line "-- " and the version of git.
    const lines = part
      .slice(begin + 1)
      .split('\n')
      .filter((line) => line.startsWith('+') || line.startsWith('\\'));
    changes.set(path, { isNew: /^--- \/dev\/null$/m.test(part.slice(0, begin)), lines });
  }
  return changes;
}

/**
 * The text of a file that a patch adds.
 * @returns undefined: the patch has nothing of it.
 * @throws Error if the patch changes a file that is there already: what comes of it is not known here.
 */
export function newFile(patch: string, path: string): string | undefined {
  const change = changesOf(patch).get(path);
  if (change === undefined) return undefined;
  if (!change.isNew) throw new Error(`${path} is changed by this patch, not added`);
  const last = change.lines.at(-1) ?? '';
  const text = change.lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1));
  return text.join('\n') + (last.startsWith('\\') ? '' : '\n');
}
