import type * as wire from '../proto.js';
import { type PlanRequest } from '../types/clients.js';
import { type ModelPlan, type Plan } from '../types/load.js';
import { concessionKind, planPolicy } from './enums.js';
import { readLoadRequest, writeLoadRequest } from './load-request.js';
import { readWarning } from './model.js';
import { readEffectivePlacement } from './placement.js';
import { refuseUnknown, textOrAbsent } from './presence.js';
import { readRuntimeOptions } from './runtime-options.js';

/** A plan to be made, as it is sent. @throws InvalidRequestError for unknown options and values */
export function writePlanRequest(request: PlanRequest): wire.PlanModelRequest {
  const { target, draft, policy, assumeEmpty, ...unknown } = request;
  refuseUnknown(unknown, '');
  return {
    target: target && writeLoadRequest(target),
    draft: draft && writeLoadRequest(draft),
    policy: planPolicy.write(policy, 'policy'),
    assumeEmpty: assumeEmpty ?? false,
  };
}

/** What loads would do. */
export function readPlan(plan: wire.PlanModelResponse): Plan {
  return {
    ...plan,
    target: plan.target && readModelPlan(plan.target),
    draft: plan.draft && readModelPlan(plan.draft),
    concessions: plan.concessions.map(concession => ({
      ...concession,
      kind: concessionKind.read(concession.kind),
    })),
    outlook: textOrAbsent(plan.outlook),
    warnings: plan.warnings.map(readWarning),
  };
}

function readModelPlan(plan: wire.ModelPlan): ModelPlan {
  return {
    placement: plan.placement && readEffectivePlacement(plan.placement),
    options: plan.options ? readRuntimeOptions(plan.options) : {},
    info: plan.info,
    suggestion: plan.suggestion && readLoadRequest(plan.suggestion),
  };
}
