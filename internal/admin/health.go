package admin

// healthScreens show whether all is well.
var healthScreens []route
