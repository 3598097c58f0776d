/** The text of llms.txt, from that of the README. */
export declare function llmsText(readme: string): string;
