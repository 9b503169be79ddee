import { fold } from './fold.js';

/** Talk in turns, ending where the other one is to answer. */
export const CHAT: readonly string[] = [
  `
  "Good morning, grandfather," said the girl, "may I ask you something?"
  "You may," said the old man, and he laid down his pipe.
  "Why does the river never come to an end?"
  "Because the hills are always giving it more," said he. "Now what else would you know?"
  "I should like to know who lives behind the hills," said the girl. The old man thought for a
  while and answered,
  `,
  `
  The captain knocked at the cottage door. "Is anybody at home?" he called.
  "I am at home," said a small voice, "but I must not open the door to strangers."
  "I am no stranger. I am your uncle, come back from the sea."
  "What have you brought me, then?" asked the voice.
  "A parrot, a box of shells, and a very long story," said the captain.
  "Tell me the story first," said the voice. So the captain sat down upon the step and began:
  `,
  `
  "If you please, sir," said the fox, "which is the shortest way to the farm?"
  "That depends upon what you want there," said the dog.
  "Only to ask after the health of the hens," said the fox.
  "The hens are very well," said the dog, "and they will be better still when you are gone."
  The fox bowed very low. "You are unkind to a traveller," he said, and
  `,
  `
  "What is the matter, Peter?" asked his mother. "You have not eaten your supper."
  "I am not hungry," said Peter.
  "Then you are ill, or else you are sorry for something. Which is it?"
  Peter looked at the floor. "It was I who left the gate open," he said at last.
  "And the cow?" asked his mother. "The cow is in the garden," said Peter.
  "Well," said his mother, "then we shall have to
  `,
  `
  "Who are you?" said the queen to the boy who had climbed over the wall.
  "I am the gardener's son, your majesty, and I am looking for my ball."
  "Do you know what is done to boys who climb over my wall?"
  "No, your majesty," said the boy, "nobody has ever come back to tell."
  The queen tried not to laugh. "You shall have your ball," she said, "if you can tell me
  `,
].map(fold);
