package sqlstore

// Columns are all of a table, those of the key first.
func (t *Table) Columns() (all []string, key int) { return t.columns, t.key }
