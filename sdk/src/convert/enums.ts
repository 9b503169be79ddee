import * as wire from '../proto.js';
import { type DeviceType } from '../types/device.js';
import { type ChatRole, type StatsLevel } from '../types/generate.js';
import { type FinishReason } from '../types/generation.js';
import { type ConcessionKind, type LoadStage, type PlanPolicy } from '../types/load.js';
import { type FlashAttention, type KvCacheType, type ModelState } from '../types/model.js';
import { type Role, type SplitMode } from '../types/placement.js';
import {
  type BaselineMethod,
  type BonusToken,
  type DraftSource,
  type DraftStopReason,
  type Overlap,
  type SpeculationMode,
  type SpeculationOffReason,
  type UnavailablePolicy,
} from '../types/speculation.js';
import { type Literals, literals } from './literals.js';

// The annotations prove at compile time that the published unions are the generated enums, no more and no less.

/** What a model is loaded for. */
export const role: Literals<wire.Role, Role> = literals(wire.Role, 'ROLE');
/** How devices share a model. */
export const splitMode: Literals<wire.SplitMode, SplitMode> = literals(
  wire.SplitMode,
  'SPLIT_MODE',
);
/** Life of a model. */
export const modelState: Literals<wire.ModelState, ModelState> = literals(
  wire.ModelState,
  'MODEL_STATE',
);
/** Element type of a KV cache. */
export const kvCacheType: Literals<wire.KvCacheType, KvCacheType> = literals(
  wire.KvCacheType,
  'KV_CACHE_TYPE',
);
/** Use of fused attention. */
export const flashAttention: Literals<wire.FlashAttention, FlashAttention> = literals(
  wire.FlashAttention,
  'FLASH_ATTENTION',
);
/** Stage of a load. */
export const loadStage: Literals<wire.LoadStage, LoadStage> = literals(
  wire.LoadStage,
  'LOAD_STAGE',
);
/** What a plan gives up first. */
export const planPolicy: Literals<wire.PlanPolicy, PlanPolicy> = literals(
  wire.PlanPolicy,
  'PLAN_POLICY',
);
/** What a plan gives up. */
export const concessionKind: Literals<wire.ConcessionKind, ConcessionKind> = literals(
  wire.ConcessionKind,
  'CONCESSION_KIND',
);
/** Who chooses the draft length. */
export const speculationMode: Literals<wire.SpeculationMode, SpeculationMode> = literals(
  wire.SpeculationMode,
  'SPECULATION_MODE',
);
/** Where drafted tokens come from. */
export const draftSource: Literals<wire.DraftSource, DraftSource> = literals(
  wire.DraftSource,
  'DRAFT_SOURCE',
);
/** Whether draft and target overlap. */
export const overlap: Literals<wire.Overlap, Overlap> = literals(wire.Overlap, 'OVERLAP');
/** What to do without the draft asked for. */
export const unavailablePolicy: Literals<wire.UnavailablePolicy, UnavailablePolicy> = literals(
  wire.UnavailablePolicy,
  'UNAVAILABLE_POLICY',
);
/** Why a generation does not speculate. */
export const offReason: Literals<wire.SpeculationOffReason, SpeculationOffReason> = literals(
  wire.SpeculationOffReason,
  'SPECULATION_OFF_REASON',
);
/** How a step's last token came about. */
export const bonusToken: Literals<wire.BonusToken, BonusToken> = literals(
  wire.BonusToken,
  'BONUS_TOKEN',
);
/** Why drafting stopped. */
export const draftStopReason: Literals<wire.DraftStopReason, DraftStopReason> = literals(
  wire.DraftStopReason,
  'DRAFT_STOP_REASON',
);
/** Where the estimate of plain decoding comes from. */
export const baselineMethod: Literals<wire.BaselineMethod, BaselineMethod> = literals(
  wire.BaselineMethod,
  'BASELINE_METHOD',
);
/** Who speaks. */
export const chatRole: Literals<wire.ChatRole, ChatRole> = literals(wire.ChatRole, 'CHAT_ROLE');
/** How much is told. */
export const statsLevel: Literals<wire.StatsLevel, StatsLevel> = literals(
  wire.StatsLevel,
  'STATS_LEVEL',
);
/** Why a generation ended well. */
export const finishReason: Literals<wire.FinishReason, FinishReason> = literals(
  wire.FinishReason,
  'FINISH_REASON',
);
/** Kind of device. */
export const deviceType: Literals<wire.DeviceType, DeviceType> = literals(
  wire.DeviceType,
  'DEVICE_TYPE',
);
