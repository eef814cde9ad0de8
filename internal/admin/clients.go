package admin

// clientScreens show who may call the API.
var clientScreens []route
