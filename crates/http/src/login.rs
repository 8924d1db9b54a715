//! The page where a browser turns the token into a cookie.

use http::header::{CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use crate::answer::{Response, answer, text, with};
use crate::guard::COOKIE_NAME;
use crate::token::Token;

pub(crate) const PATH: &str = "/login";

const FORM: &str = "<!doctype html>\n<meta charset=utf-8>\n<title>perf-monitor</title>\n\
    <form method=post action=/login>\n\
    <label>Token <input type=password name=token autocomplete=current-password autofocus required></label>\n\
    <button>Log in</button>\n</form>\n";

/// The form; `status` is 401 when a wrong token was shown.
pub(crate) fn form(status: StatusCode) -> Response {
    let page = answer(status, "text/html; charset=utf-8", FORM);
    let policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
    let page = with(page, CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // under `no-referrer` a browser posts a form with `Origin: null`, which is another site's
    let policy = HeaderValue::from_static("same-origin");
    with(page, REFERRER_POLICY, policy)
}

/// To the front page, with the cookie.
pub(crate) fn welcome(token: &Token) -> Response {
    let cookie = format!("{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict", token.reveal());
    let mut cookie = HeaderValue::from_str(&cookie).expect("a token has cookie characters only");
    cookie.set_sensitive(true);
    let response = text(StatusCode::SEE_OTHER, "logged in: see /");
    let response = with(response, SET_COOKIE, cookie);
    with(response, LOCATION, HeaderValue::from_static("/"))
}
