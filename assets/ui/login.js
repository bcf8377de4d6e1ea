// The form works without scripts; only the theme switch is needed here.
import "./app.js";
