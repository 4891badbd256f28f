import type { RegisterBlock, RegisterBlockInfo } from '../../native/types.js';

/** What a block says of itself, which is opened for that only. */
export function infoOf(open: () => Pick<RegisterBlock, 'info' | 'close'>): RegisterBlockInfo {
  const block = open();
  try {
    return block.info;
  } finally {
    block.close();
  }
}
