/** Bugs in the agreement, planted into copies of the build: a nemesis that finds nothing may be one that cannot. */
export interface PlantedFault {
  readonly name: string;
  /** Below the root of the build. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly replace: string;
  readonly by: string;
  /** What a problem must say for the bug to count as found. */
  readonly says: RegExp;
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'half of the members are a majority',
    file: 'src/agreement/view.js',
    replace: 'length / 2) + 1',
    by: 'length / 2)',
    says: /^I1:/,
  },
  {
    name: 'members forget what they promised before its time is over',
    file: 'src/agreement/agreement-options.js',
    replace: 'return ms * ((1 + clockDrift) / (1 - clockDrift));',
    by: 'return ms * 0.4;',
    says: /^I1:/,
  },
  {
    name: 'a lease outlives the time for which its members promised it',
    file: 'src/agreement/held-lease.js',
    replace: 'this.backedMs = Math.max(this.backedMs, until);',
    by: 'this.backedMs = Math.max(this.backedMs, until + 4000);',
    says: /^I1:/,
  },
];
