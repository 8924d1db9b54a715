//! The mouse and the keyboard.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::page::Page;

impl Page {
    /// Clicks in the middle of the first element that fits `selector`, once it is there, in the
    /// window, at rest, and nothing lies over it.
    ///
    /// # Errors
    /// That takes longer than a minute.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        self.click_on(selector, &query(selector))
    }

    /// The same for what an expression of JavaScript finds.
    ///
    /// # Errors
    /// As those of [`click`](Self::click).
    pub fn click_on(&mut self, what: &str, element: &str) -> Result<()> {
        let (x, y) = self.middle_of(what, element)?;
        self.mouse("mouseMoved", x, y, 0)?;
        self.mouse("mousePressed", x, y, 1)?;
        self.mouse("mouseReleased", x, y, 1)
    }

    /// Moves the mouse to a share of an element's width and height, counted from its left upper
    /// corner.
    ///
    /// # Errors
    /// As those of [`click`](Self::click).
    pub fn hover(&mut self, selector: &str, across: f64, down: f64) -> Result<()> {
        let (x, y) = self.place_in(selector, across, down)?;
        self.mouse("mouseMoved", x, y, 0)
    }

    /// Drags from one share of an element's width to another, at half its height.
    ///
    /// # Errors
    /// As those of [`click`](Self::click).
    pub fn drag(&mut self, selector: &str, from: f64, to: f64) -> Result<()> {
        let (x, y) = self.place_in(selector, from, 0.5)?;
        let (end, _) = self.place_in(selector, to, 0.5)?;
        self.mouse("mouseMoved", x, y, 0)?;
        self.mouse("mousePressed", x, y, 1)?;
        for step in 1..=8 {
            self.mouse("mouseMoved", x + (end - x) * f64::from(step) / 8.0, y, 1)?;
        }
        self.mouse("mouseReleased", end, y, 1)
    }

    /// Clicks into a field, replaces what is in it by `text`.
    ///
    /// # Errors
    /// As those of [`click`](Self::click).
    pub fn fill(&mut self, selector: &str, text: &str) -> Result<()> {
        self.click(selector)?;
        self.eval(&format!("{}.select()", query(selector)))?;
        match text {
            "" => self.key("Delete"),
            _ => self.call("Input.insertText", json!({"text": text})).map(drop),
        }
    }

    /// Presses a key by its name, such as `Enter`, `ArrowLeft` or `p`.
    ///
    /// # Errors
    /// The browser is gone.
    pub fn key(&mut self, key: &str) -> Result<()> {
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            "Delete" => 46,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => key.chars().next().map_or(0, |c| c.to_ascii_uppercase() as u32),
        };
        let mut down = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        match key {
            "Enter" => down["text"] = "\r".into(),
            key if key.chars().count() == 1 => down["text"] = key.into(),
            _ => {}
        }
        self.call("Input.dispatchKeyEvent", down)?;
        let up = json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", up).map(drop)
    }

    fn mouse(&mut self, kind: &str, x: f64, y: f64, buttons: u32) -> Result<()> {
        let button = if buttons == 0 { "none" } else { "left" };
        let params = json!({
            "type": kind, "x": x, "y": y, "button": button, "buttons": buttons,
            "clickCount": u32::from(kind != "mouseMoved"),
        });
        self.call("Input.dispatchMouseEvent", params).map(drop)
    }

    fn middle_of(&mut self, what: &str, element: &str) -> Result<(f64, f64)> {
        let place = self.wait(
            what,
            &format!(
                "(async () => {{
                    const find = () => ({element});
                    const frame = () => new Promise(requestAnimationFrame);
                    const it = find();
                    if (!it || it.disabled) return null;
                    it.scrollIntoView({{block: 'center', behavior: 'instant'}});
                    const middle = () => {{
                        const box = it.getBoundingClientRect();
                        return [box.left + box.width / 2, box.top + box.height / 2];
                    }};
                    const before = middle();
                    await frame();
                    await frame();
                    const [x, y] = middle();
                    if (x !== before[0] || y !== before[1] || find() !== it) return null;
                    const top = document.elementFromPoint(x, y);
                    return it.contains(top) || top?.control === it ? [x, y] : null;
                }})()"
            ),
        )?;
        both(&place)
    }

    fn place_in(&mut self, selector: &str, across: f64, down: f64) -> Result<(f64, f64)> {
        let element = query(selector);
        self.middle_of(selector, &element)?;
        let place = self.eval(&format!(
            "(() => {{
                const box = {element}.getBoundingClientRect();
                return [box.left + box.width * {across}, box.top + box.height * {down}];
            }})()"
        ))?;
        both(&place)
    }
}

fn both(place: &Value) -> Result<(f64, f64)> {
    match (place[0].as_f64(), place[1].as_f64()) {
        (Some(x), Some(y)) => Ok((x, y)),
        _ => Err(Error::new(format!("no place: {place}"))),
    }
}

fn query(selector: &str) -> String {
    format!("document.querySelector({})", Value::from(selector))
}
