package sqlstore

// CustomersQuery makes the one statement that is not a constant.
var CustomersQuery = customersQuery
