/** A program that ends at once: a jail that has run it is up. */
import { program } from "jailyard";

export default program("nothing", () => {});
