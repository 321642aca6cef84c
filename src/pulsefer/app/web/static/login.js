/* The server sends who was wrong back with `?wrong`. */

if (new URLSearchParams(location.search).has("wrong")) {
  const field = document.getElementById("password");
  document.getElementById("wrong").hidden = false;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", "wrong");
  field.focus();
}
