/** Who generates: llama-server, or Outrider on one of two sets of llama.cpp libraries. */
export type Server = 'llama-server' | 'prebuilt' | 'same';

/** Library sets of Outrider: those that npm installed, and those that llama-server is linked to. */
export const LIBRARY_SETS = ['prebuilt', 'same'] as const;

/** One of {@link LIBRARY_SETS}. */
export type LibrarySet = (typeof LIBRARY_SETS)[number];

/** How it drafts: not at all, as far as it sees fit, or so many tokens each time. */
export type Drafting = 'plain' | 'auto' | 3 | 7;

/** One of the ways to generate that are compared. */
export interface Setting {
  readonly server: Server;
  readonly drafting: Drafting;
}

/** llama-server chooses its draft length when it starts; 3 is its default. */
export const LLAMA_SERVER_SETTINGS: readonly Setting[] = [
  { server: 'llama-server', drafting: 'plain' },
  { server: 'llama-server', drafting: 3 },
  { server: 'llama-server', drafting: 7 },
];

/** Everything that is compared, llama-server first. */
export function settingsOf(libraries: readonly LibrarySet[]): Setting[] {
  const ours = libraries.flatMap(server =>
    (['plain', 'auto', 3, 7] as const).map(drafting => ({ server, drafting })),
  );
  return [...LLAMA_SERVER_SETTINGS, ...ours];
}

/** For people, for example `outrider auto` or `llama-server n_max 3`. */
export function settingName({ server, drafting }: Setting): string {
  if (server === 'llama-server') {
    return drafting === 'plain' ? 'llama-server plain' : `llama-server n_max ${drafting}`;
  }
  const how = typeof drafting === 'number' ? `fixed ${drafting}` : drafting;
  return `outrider ${how}, ${server === 'same' ? 'same' : 'npm'} libraries`;
}

/**
 * Order of the settings in one turn: a Williams design (E. J. Williams, Austral. J. Sci. Res. A 2, 1949), so that over
 * twice as many turns as settings each comes at each place, and after each other one, equally often.
 */
export function turnOrder<T>(settings: readonly T[], turn: number): T[] {
  const count = settings.length;
  const order = settings.flatMap((_, i) => {
    const zigzag = i % 2 === 1 ? (i + 1) / 2 : count - i / 2;
    const place = (zigzag + turn) % count;
    return settings.slice(place, place + 1);
  });
  // An odd number of settings needs the mirror image as well.
  return Math.floor(turn / count) % 2 === 0 ? order : order.reverse();
}
