//! The pointer's half of a seat.

use super::{Action, LEFT, MIDDLE, MOST_CLICKS, Motion, RIGHT, Seat, Target, WHEEL_DOWN, WHEEL_UP};
use crate::device::{Device, Pointing};
use crate::evdev;

/// More than any hand moves between two reports; twice as much would not fit the message.
const FARTHEST: i64 = 0x3fff;

impl Seat {
    /// A device has said all that belongs together.
    pub(super) fn report(&mut self, device: &mut Device, target: &Target, to: &mut Vec<Action>) {
        let moved = match device.pointing {
            Pointing::Not => false,
            Pointing::Mouse => {
                let way = device.report.distance.map(i64::from);
                self.go(way, target, to)
            }
            Pointing::Pad => {
                let way = pad_way(device, target);
                self.go(way, target, to)
            }
            Pointing::Places => self.point(device, target, to),
        };
        // Motion tells the buttons, too.
        if !moved {
            self.press_buttons(target, to);
        }
        self.turn(device.report.wheel, target, to);
    }

    /// Tells the buttons where they changed.
    pub(super) fn press_buttons(&mut self, target: &Target, to: &mut Vec<Action>) {
        let buttons = self.pressed();
        if std::mem::replace(&mut self.buttons, buttons) != buttons {
            to.push(self.here(target, buttons));
        }
    }

    /// The pointer goes a distance; true when that was told.
    fn go(&mut self, way: [i64; 2], target: &Target, to: &mut Vec<Action>) -> bool {
        if way == [0; 2] {
            return false;
        }
        self.buttons = self.pressed();
        match target.motion {
            Motion::Relative => {
                let [dx, dy] = way.map(|way| way.clamp(-FARTHEST, FARTHEST) as i16);
                let buttons = self.buttons;
                to.push(Action::Move { dx, dy, buttons });
            }
            Motion::Absolute => {
                for (place, way) in self.pointer.iter_mut().zip(way) {
                    *place = place.saturating_add(way);
                }
                to.push(self.here(target, self.buttons));
            }
        }
        true
    }

    /// The pointer is at a place; true when that was told.
    fn point(&mut self, device: &mut Device, target: &Target, to: &mut Vec<Action>) -> bool {
        if device.report.place == [None; 2] {
            return false;
        }
        // An axis that did not change is not told again.
        for axis in 0..2 {
            let place = device.report.place[axis].or(device.report.before[axis]);
            device.report.before[axis] = place;
        }
        let screen = target.placement.screen();
        let at = [0, 1].map(|axis| {
            let place = device.report.before[axis];
            place.map_or(0, |place| device.scale(axis, place, screen[axis]))
        });
        let at = target.placement.to_guest(at);
        let way = [at[0] - self.pointer[0], at[1] - self.pointer[1]];
        match target.motion {
            Motion::Absolute => {
                self.pointer = at;
                self.buttons = self.pressed();
                to.push(self.here(target, self.buttons));
                true
            }
            Motion::Relative => {
                self.pointer = at;
                self.go(way, target, to)
            }
        }
    }

    /// Each click of the wheel is a button that is pressed and released.
    fn turn(&mut self, clicks: i32, target: &Target, to: &mut Vec<Action>) {
        let wheel = if clicks > 0 { WHEEL_UP } else { WHEEL_DOWN };
        for _ in 0..clicks.unsigned_abs().min(MOST_CLICKS as u32) {
            to.push(self.here(target, self.buttons | wheel));
            to.push(self.here(target, self.buttons));
        }
    }

    /// The pointer as it is, with these buttons. It is kept inside the guest's screen, which may have
    /// become smaller.
    fn here(&mut self, target: &Target, buttons: u8) -> Action {
        match target.motion {
            Motion::Relative => Action::Move {
                dx: 0,
                dy: 0,
                buttons,
            },
            Motion::Absolute => {
                let guest = target.placement.guest();
                for (place, size) in self.pointer.iter_mut().zip(guest) {
                    *place = (*place).clamp(0, size.max(1) as i64 - 1);
                }
                // A guest has 4096 pixels each way at most.
                let [x, y] = self.pointer.map(|place| place as u16);
                Action::Point { x, y, buttons }
            }
        }
    }

    /// RFB's bits of the buttons that are held. A finger or a pen that touches is the left one.
    fn pressed(&self) -> u8 {
        let table = [
            (evdev::BTN_LEFT, LEFT),
            (evdev::BTN_RIGHT, RIGHT),
            (evdev::BTN_MIDDLE, MIDDLE),
            (evdev::BTN_TOUCH, LEFT),
        ];
        let held = table
            .iter()
            .filter(|(code, _)| self.held.contains_key(code));
        held.fold(0, |mask, (_, bit)| mask | bit)
    }
}

/// How far a finger moved on a pad, in pixels of the screen. The first place after it came down is only
/// where it begins.
fn pad_way(device: &mut Device, target: &Target) -> [i64; 2] {
    let screen = target.placement.screen();
    let mut way = [0; 2];
    for axis in 0..2 {
        let Some(now) = device.report.place[axis] else {
            continue;
        };
        if device.held.contains(&evdev::BTN_TOUCH) {
            if let Some(before) = device.report.before[axis] {
                way[axis] = device.stretch(axis, now.saturating_sub(before), screen[axis]);
            }
            device.report.before[axis] = Some(now);
        }
    }
    way
}
