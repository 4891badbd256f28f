import type { CallOptions, HttpClient } from '../../common/http-client.js';
import type { PlatformView } from '../../controller/views.js';

/** All platforms, page by page. @throws as `client.call`. */
export async function allPlatforms(
  client: HttpClient,
  call: CallOptions = {},
): Promise<PlatformView[]> {
  const all: PlatformView[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = (await client.call('GET', `/v1/platforms?after=${after}`, call)) as {
      readonly platforms: readonly PlatformView[];
      readonly next?: number;
    };
    all.push(...page.platforms);
    after = page.next;
  }
  return all;
}
