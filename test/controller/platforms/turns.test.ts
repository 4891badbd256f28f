import { expect, test } from 'vitest';
import { Turns } from '../../../src/controller/platforms/turns.js';

/** A promise and what settles it. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

test('one key: in order, also after one that failed; other keys: beside it', async () => {
  const turns = new Turns();
  const said: string[] = [];
  const first = gate();
  const all = [
    turns.run(1, async () => {
      said.push('a begins');
      await first.opened;
      said.push('a ends');
      throw new Error('a');
    }),
    turns.run(1, async () => void said.push('b')),
    turns.run(2, async () => void said.push('other')),
  ];
  await all[2];
  expect(said).toEqual(['a begins', 'other']);
  first.open();
  await expect(all[0]).rejects.toThrow('a');
  await all[1];
  expect(said).toEqual(['a begins', 'other', 'a ends', 'b']);
  expect(turns.count).toBe(0);
});

test('a key that is taken while it runs has others wait', async () => {
  const turns = new Turns();
  const said: string[] = [];
  const held = gate();
  const end = gate();
  const making = turns.fresh(async (hold) => {
    hold(7);
    held.open();
    await end.opened;
    said.push('made');
  });
  await held.opened;
  const later = turns.run(7, async () => void said.push('later'));
  end.open();
  await Promise.all([making, later]);
  expect(said).toEqual(['made', 'later']);
});

test('alone: when what has begun has ended, before what waits', async () => {
  const turns = new Turns();
  const said: string[] = [];
  const end = gate();
  const running = turns.run(1, async () => {
    await end.opened;
    said.push('running');
  });
  const waiting = turns.run(1, async () => void said.push('waiting'));
  // the first has begun by then
  await Promise.resolve();
  await Promise.resolve();
  const alone = turns.alone(async () => {
    await Promise.resolve();
    said.push('alone');
  });
  const after = turns.run(2, async () => void said.push('after'));
  end.open();
  await Promise.all([running, waiting, alone, after]);
  expect(said[0]).toBe('running');
  expect(said[1]).toBe('alone');
  expect(said.slice(2).sort()).toEqual(['after', 'waiting']);
});

test('closing lets end what has begun and refuses the rest', async () => {
  const turns = new Turns();
  const end = gate();
  const begun = gate();
  const running = turns.run(1, () => {
    begun.open();
    return end.opened;
  });
  const waiting = turns.run(1, async () => {});
  const refused = expect(waiting).rejects.toMatchObject({ code: 'SDM_STOPPING' });
  await begun.opened;
  const closed = turns.close();
  await expect(turns.run(3, async () => {})).rejects.toMatchObject({ code: 'SDM_STOPPING' });
  end.open();
  await Promise.all([running, refused, closed]);
});
