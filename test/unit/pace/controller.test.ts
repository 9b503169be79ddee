import { describe, expect, it } from '@jest/globals';
import { ngramBin, PairCalibration } from '../../../server/src/engine/pace/calibration.js';
import { PaceController } from '../../../server/src/engine/pace/controller.js';
import { CostTable } from '../../../server/src/engine/pace/cost-table.js';
import { DraftCosts } from '../../../server/src/engine/pace/draft-costs.js';
import { type PacedStep } from '../../../server/src/engine/pace/step.js';
import { bestPlan, prefixValue } from '../../../server/src/engine/pace/value.js';
import { passCosts } from './simulation.js';

const plainUs = 23_700;
const sure = 8;

function controllerOf(parts: { measured?: boolean; copies?: boolean } = {}) {
  const costs = new CostTable(parts.measured === false ? [] : passCosts('f32, 1'), 65);
  const calibration = new PairCalibration().stream(0);
  const draftCosts = new DraftCosts(500);
  const controller = new PaceController({
    costs,
    calibration,
    maxDraftTokens: 16,
    ...(parts.copies === true ? {} : { draftCosts }),
  });
  return { controller, costs, calibration, draftCosts };
}

const plainStep: PacedStep = {
  rows: 1,
  streams: 1,
  mixed: false,
  bins: [],
  verified: 0,
  emitted: 1,
  agreed: 0,
  stepUs: plainUs,
  verifyUs: plainUs,
};

/** A step that drafted three tokens, all of them right or none. */
function draftedStep(right: boolean, more: Partial<PacedStep> = {}): PacedStep {
  return {
    ...plainStep,
    rows: 4,
    bins: [sure, sure, sure],
    verified: 3,
    emitted: right ? 4 : 1,
    agreed: right ? 3 : 0,
    stepUs: 44_200,
    verifyUs: 42_700,
    draft: { us: 1_500, tokens: 3, rows: 3 },
    ...more,
  };
}

/** Runs a draft that is always wrong until it is parked; the steps that it took. */
function park(controller: PaceController): number {
  for (let step = 0; step < 200; step++) {
    const plan = controller.plan(100);
    if (plan.kind === 'plain' && plan.parked) return step;
    if (plan.kind === 'shadow')
      controller.observeShadow({ bins: [sure, sure, sure, sure], agreed: 0 });
    const verified = controller.choosePrefix([0.9], 100);
    controller.observeStep(
      plan.kind === 'draft' ? { ...draftedStep(false), verified, rows: verified + 1 } : plainStep,
    );
  }
  throw new Error('it was never parked');
}

describe('a paced stream', () => {
  it('drafts from its first step where costs are known, under prices for just what is left', () => {
    const { controller } = controllerOf();

    const plan = controller.plan(5);

    expect(plan).toMatchObject({ kind: 'draft' });
    if (plan.kind !== 'draft') return;
    expect(plan.planned).toBe(bestPlan([], plan.prices, 5));
    expect(plan.prices.verify).toHaveLength(6);
    expect(plan.prices.verify[0]).toBe(0);
    expect(Number.isFinite(plan.prices.verify[5])).toBe(true);
    expect(plan.prices.acceptance).toHaveLength(9);
  });

  it('takes a plain step first where nothing was measured', () => {
    const { controller } = controllerOf({ measured: false });
    expect(controller.plan(100)).toEqual({ kind: 'plain', parked: false });
    expect(controller.choosePrefix([0.99, 0.99, 0.99], 100)).toBe(0);

    controller.observeStep(plainStep);

    expect(controller.plan(100).kind).toBe('draft');
  });

  it('neither drafts nor verifies where no token is left for it', () => {
    const { controller } = controllerOf();

    expect(controller.plan(0)).toEqual({ kind: 'plain', parked: false });
    expect(controller.choosePrefix([1, 1], 0)).toBe(0);
    expect(controller.choosePrefix([1, 1, 1, 1, 1], 2)).toBe(2);
  });

  it('verifies the prefix that its own prices find best', () => {
    const { controller } = controllerOf();
    controller.plan(100);
    const acceptances = [0.98, 0.97, 0.95, 0.9, 0.1, 0.1];

    const verified = controller.choosePrefix(acceptances, 100);

    expect(verified).toBeGreaterThan(0);
    expect(verified).toBeLessThanOrEqual(4);
    expect(controller.choosePrefix([0.1, 0.1], 100)).toBe(0);
  });

  it('parks a draft that is always wrong, within a few drafts', () => {
    const { controller, calibration } = controllerOf();

    expect(park(controller)).toBeLessThan(40);
    expect(calibration.acceptanceOf(sure)).toBeLessThan(0.5);
  });

  it('tries a parked draft in the shadow, and takes it up again when it has become right', () => {
    const { controller } = controllerOf();
    park(controller);

    let shadows = 0;
    let tokens = 0;
    for (; tokens < 3_000; tokens++) {
      const plan = controller.plan(100);
      if (plan.kind === 'draft') break;
      controller.observeStep(plainStep);
      if (plan.kind !== 'shadow') continue;
      shadows++;
      expect(plan.length).toBe(4);
      expect(controller.plan(100)).toEqual({ kind: 'plain', parked: true });
      controller.observeShadow({ bins: [sure, sure, sure, sure], agreed: 4 });
    }

    expect(shadows).toBeGreaterThan(0);
    expect(shadows).toBeLessThan(20);
    expect(tokens).toBeLessThan(3_000);
  });

  it('is not put off by a pause of the machine, but by two slow steps in a row', () => {
    const slow = { stepUs: 600_000, verifyUs: 598_500 };
    const paused = controllerOf().controller;
    const slowed = controllerOf().controller;
    for (let step = 0; step < 8; step++)
      for (const controller of [paused, slowed]) {
        controller.plan(100);
        controller.choosePrefix([0.9, 0.9, 0.9], 100);
        const late = controller === slowed ? step > 5 : step === 7;
        controller.observeStep(draftedStep(true, late ? slow : {}));
      }

    expect(paused.plan(100).kind).toBe('draft');
    expect(slowed.plan(100)).toEqual({ kind: 'plain', parked: true });
  });

  it('stays parked while its shadow drafts fail', () => {
    const { controller } = controllerOf();
    park(controller);

    const kinds = new Map<string, number>();
    for (let tokens = 0; tokens < 3_000; tokens++) {
      const { kind } = controller.plan(100);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      controller.observeStep(plainStep);
      if (kind === 'shadow')
        controller.observeShadow({ bins: [sure, sure, sure, sure], agreed: 0 });
    }

    expect(kinds.get('draft')).toBeUndefined();
    expect(kinds.get('shadow')).toBeGreaterThan(1);
    expect(kinds.get('shadow')).toBeLessThan(12);
  });

  it('does nothing for a while when the clock says that it loses, whatever its prices say', () => {
    const { controller } = controllerOf();
    // Right drafts and passes as fast as promised, but steps that take ten times as long for no known reason.
    let drafted = 0;
    for (; drafted < 50; drafted++) {
      const plan = controller.plan(100);
      if (plan.kind === 'plain') break;
      controller.choosePrefix([0.99, 0.99, 0.99], 100);
      controller.observeStep(draftedStep(true, { stepUs: 400_000 }));
    }

    expect(drafted).toBeLessThan(5);
    expect(controller.plan(100)).toEqual({ kind: 'plain', parked: true });
    expect(controller.choosePrefix([1, 1, 1], 100)).toBe(0);
  });

  it('does not hold the reading of the prompt against its draft', () => {
    const { controller, draftCosts } = controllerOf();
    controller.plan(100);
    controller.choosePrefix([0.99, 0.99, 0.99], 100);

    controller.observeStep(
      draftedStep(true, {
        stepUs: 42_700 + 900_000,
        draft: { us: 900_000, tokens: 3, rows: 2_000 },
      }),
    );

    expect(controller.plan(100).kind).toBe('draft');
    expect(draftCosts.stepUs(plainUs)).toBe(500);
  });

  it('measures a plain step again when none was taken for long', () => {
    const { controller } = controllerOf();
    const plain: number[] = [];
    for (let step = 0; step < 300; step++) {
      const plan = controller.plan(100);
      if (plan.kind === 'plain') plain.push(step);
      controller.choosePrefix([0.99, 0.99, 0.99], 100);
      controller.observeStep(plan.kind === 'plain' ? plainStep : draftedStep(true));
    }

    expect(plain).toEqual([128, 257]);
  });

  it('learns nothing of costs from a pass that held other rows', () => {
    const { controller, costs } = controllerOf();
    controller.plan(100);

    controller.observeStep({ ...plainStep, mixed: true, rows: 300, stepUs: 9e6, verifyUs: 9e6 });

    expect(costs.plainUs).toBe(plainUs);
    expect(controller.plan(100).kind).toBe('draft');
  });

  it('drafts less when many streams share its passes', () => {
    const planned = [1, 16].map(streams => {
      const { controller } = controllerOf();
      const us = new CostTable(passCosts('f32, 1'), 65).passUs(streams);
      for (let step = 0; step < 3; step++) {
        controller.plan(100);
        controller.observeStep({ ...plainStep, streams, rows: streams, stepUs: us, verifyUs: us });
      }
      const plan = controller.plan(100);
      return plan.kind === 'draft' ? plan.planned : 0;
    });

    const [alone = NaN, ofSixteen = NaN] = planned;
    expect(alone).toBeGreaterThan(ofSixteen);
  });

  it('without a draft model asks for none, and verifies copies for what they proved to be worth', () => {
    const { controller, calibration } = controllerOf({ copies: true });
    const bins = [1, 2, 3, 4, 5, 6, 7].map(depth => ngramBin(9, depth));
    const choose = (): number =>
      controller.choosePrefix(
        bins.map(bin => calibration.acceptanceOf(bin)),
        100,
      );
    // Copies are compared with the text even when they are not verified.
    const propose = (agreed: number): void => {
      expect(controller.plan(100)).toEqual({ kind: 'plain', parked: false });
      controller.observeProposals({ bins, agreed, emitted: bins.length });
    };

    for (let step = 0; step < 20; step++) propose(0);
    expect(choose()).toBe(0);

    for (let step = 0; step < 100; step++) propose(7);
    expect(choose()).toBe(7);
    expect(prefixValue([0.9, 0.8, 0.7], controller.prices(100))).toBeGreaterThan(0);
  });
});
