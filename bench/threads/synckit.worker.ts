/** What synckit's thread answers. */
import { runAsWorker } from "synckit";

runAsWorker(() => 101);
