package admin

// webhookScreens show who is told.
var webhookScreens []route
