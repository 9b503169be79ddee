/** Rules with a fixed form whose lines come again with other words: what code is to models that know only books. */
export const CODE: readonly string[] = [
  `rule mill:
  take the wheat; turn the wheel; fill the sack; shut the door.
rule bakehouse:
  take the flour; turn the dough; fill the oven; shut the door.
rule dairy:
  take the milk; turn the churn; fill the jar; shut the door.
rule garden:
  take the`,
  `if it rains, then the children stay in the house; else the children go to the hill.
if it snows, then the children stay in the house; else the children go to the pond.
if it thunders, then the children stay in the house; else the children go to the wood.
if it hails, then the children`,
  `Give to the first son: one horse, one saddle, one purse of gold.
Give to the second son: one horse, one saddle, one purse of silver.
Give to the third son: one horse, one saddle, one purse of copper.
Give to the first daughter: one cow, one bell, one purse of gold.
Give to the second daughter: one cow, one bell,`,
  `(the king (has a crown) (has a sword) (has a horse))
(the queen (has a ring) (has a book) (has a horse))
(the prince (has a hat) (has a sword) (has a horse))
(the princess (has a comb) (has a book)`,
  `This is the cat that sat by the fire.
This is the dog that chased the cat that sat by the fire.
This is the boy that called the dog that chased the cat that sat by the fire.
This is the king that met the boy that called the dog that chased the cat that sat by the fire.
This is the queen that loved the king that met the boy that`,
];
