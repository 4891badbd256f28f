import type { ReserveRequest } from '../reservation/types.js';
import type { ExplainView, PlanRequest, PlanView } from '../views.js';
import type { ManagerParts } from './manager.js';
import { granted } from './manager-parts.js';
import { planView } from './plan.js';
import { refusalView } from './refusal.js';
import { growRequest, reserveRequest } from './requests.js';

/** What a command would do. Nothing is changed. @throws as a command that does it. */
export function planOf(parts: ManagerParts, request: PlanRequest): PlanView {
  const { core, site } = parts;
  const asked = wanted(parts, request);
  return planView(site, granted(parts, asked, core.plan(asked)), request);
}

/** Whether a command would be done, and why not. @throws SDM_INPUT, SDM_NOT_FOUND. */
export function explainOf(parts: ManagerParts, request: PlanRequest): ExplainView {
  const { core, site } = parts;
  const asked = wanted(parts, request);
  const planned = core.plan(asked);
  if (!('refused' in planned)) return { fits: true, plan: planView(site, planned, request) };
  const refusal = core.explain(asked);
  const refused = refusal === 'fits' ? planned : refusal;
  return { fits: false, refusal: refusalView(parts, refused, asked) };
}

function wanted({ site, defaults, ledger }: ManagerParts, request: PlanRequest): ReserveRequest {
  if (!('platform' in request)) return reserveRequest(site, request, defaults);
  return growRequest(site, ledger.durable(request.platform), request, defaults);
}
