/** A module that never loads. */
for (;;);
