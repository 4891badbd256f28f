/** Of the database, in the directory of the store. */
export const DATABASE = 'controller.db';
