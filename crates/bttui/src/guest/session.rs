//! One guest on the screen: waits for the server, the devices and the bell, and hands on what they say.

use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec};
use viewer::evdev;
use viewer::rfb::Client;
use viewer::seat::Target;
use viewer::{Action, Canvas, Seat};

use super::frame_buffer::FrameBuffer;
use super::inputs::Inputs;

/// Bytes read from the server at once; between two reads keys get their turn.
const READ: usize = 256 << 10;
/// How long the server may take for the last words, which release keys.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a guest is not shown any more.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Somebody pressed Ctrl+Alt+G; the guest goes on.
    Left,
    /// Somebody pressed Ctrl+Alt+Q and wants the guest to end, too.
    EndWanted,
    /// The server closed the connection: QEMU has ended.
    Gone,
    /// The bell rang.
    Stopped,
}

/// A guest on the screen.
#[derive(Debug)]
pub struct Session {
    server: UnixStream,
    bell: PipeReader,
    client: Client,
    frame_buffer: FrameBuffer,
    canvas: Canvas,
    inputs: Inputs,
    seat: Seat,
    lights: u8,
    actions: Vec<Action>,
    buffer: Vec<u8>,
}

/// What there is to do.
struct Ready {
    bell: bool,
    server: bool,
    /// Indexes of devices, the last first.
    inputs: Vec<usize>,
}

impl Session {
    /// Makes one of a connection; nothing is drawn yet.
    ///
    /// # Errors
    /// When the socket cannot be used without blocking.
    pub fn new(
        server: UnixStream,
        frame_buffer: FrameBuffer,
        inputs: Inputs,
        bell: PipeReader,
    ) -> io::Result<Session> {
        server.set_nonblocking(true)?;
        Ok(Session {
            server,
            bell,
            client: Client::new(frame_buffer.screen.format),
            canvas: Canvas::new(frame_buffer.screen),
            frame_buffer,
            inputs,
            seat: Seat::default(),
            lights: 0,
            actions: Vec::new(),
            buffer: vec![0; READ],
        })
    }

    /// Runs until something ends it.
    ///
    /// # Errors
    /// A server that is not understood, or that has stopped reading.
    pub fn run(mut self) -> anyhow::Result<Ended> {
        loop {
            self.draw();
            self.light();
            let wrote = self.write();
            if gone(wrote).context("QEMU's VNC server")? {
                return Ok(Ended::Gone);
            }
            self.look();
            let ready = self.wait()?;
            if ready.bell {
                self.leave();
                return Ok(Ended::Stopped);
            }
            if ready.server && self.read().context("QEMU's VNC server")? {
                return Ok(Ended::Gone);
            }
            for index in ready.inputs {
                self.hear(index);
            }
            if let Some(ended) = self.act().context("QEMU's VNC server")? {
                self.leave();
                return Ok(ended);
            }
        }
    }

    /// Draws what there is to be drawn, and asks for more only then.
    fn draw(&mut self) {
        if self.client.is_up_to_date() {
            let (picture, memory) = (self.client.picture(), &mut self.frame_buffer.memory);
            self.canvas.draw(picture, memory);
            self.client.request_update();
        }
    }

    fn light(&mut self) {
        if let Some(lights) = self.client.take_lights() {
            self.lights = lights;
            self.inputs.all.iter().for_each(|input| input.light(lights));
        }
    }

    fn look(&mut self) {
        let known = self.inputs.all.len();
        self.inputs.look(Instant::now());
        for new in &self.inputs.all[known..] {
            new.light(self.lights);
        }
    }

    fn wait(&mut self) -> io::Result<Ready> {
        let mut for_server = PollFlags::IN;
        for_server.set(PollFlags::OUT, !self.client.output().is_empty());
        let mut all = vec![
            PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.server.as_fd(), for_server),
        ];
        let inputs = self.inputs.all.iter();
        all.extend(inputs.map(|input| PollFd::from_borrowed_fd(input.fd(), PollFlags::IN)));
        let wait = self.inputs.wait(Instant::now());
        let timeout = Timespec {
            tv_sec: wait.as_secs().cast_signed(),
            tv_nsec: wait.subsec_nanos().into(),
        };
        match rustix::event::poll(&mut all, Some(&timeout)) {
            // Room for writing makes no event of its own: every turn writes.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let readable = |poll: &PollFd<'_>| !(poll.revents() - PollFlags::OUT).is_empty();
        let devices = all[2..].iter().enumerate().rev();
        Ok(Ready {
            bell: readable(&all[0]),
            server: readable(&all[1]),
            inputs: devices
                .filter(|(_, poll)| readable(poll))
                .map(|(index, _)| index)
                .collect(),
        })
    }

    /// Takes what the server says; true when it has hung up.
    fn read(&mut self) -> anyhow::Result<bool> {
        match self.server.read(&mut self.buffer) {
            Ok(0) => Ok(true),
            Ok(count) => {
                self.client.feed(&self.buffer[..count])?;
                Ok(false)
            }
            Err(error) => Ok(gone(Err(error))?),
        }
    }

    /// Takes what a device says. One that is gone is forgotten.
    fn hear(&mut self, index: usize) {
        let target = self.target();
        let mut records = [0; 64 * evdev::BYTES];
        let input = &mut self.inputs.all[index];
        let read = input.read(&mut records);
        let (device, actions) = (&mut input.device, &mut self.actions);
        match read {
            Ok(count) if count > 0 => {
                self.seat.feed(device, &records[..count], &target, actions);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => {
                self.seat.remove(device, &target, actions);
                self.inputs.all.remove(index);
            }
        }
    }

    /// Hands on what was done; says whether that ends it.
    fn act(&mut self) -> anyhow::Result<Option<Ended>> {
        let mut ended = None;
        for action in self.actions.drain(..) {
            match action {
                Action::Leave => ended = Some(Ended::Left),
                Action::End => ended = Some(Ended::EndWanted),
                _ => self.client.act(action)?,
            }
        }
        Ok(ended)
    }

    /// Releases what is held, and sees to it that the guest hears of it.
    fn leave(&mut self) {
        let target = self.target();
        self.seat.release(&target, &mut self.actions);
        let told = self.act().is_ok()
            && self.server.set_nonblocking(false).is_ok()
            && self.server.set_write_timeout(Some(LAST_WORDS)).is_ok();
        if told {
            let _ = self.server.write_all(self.client.output());
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.client.output().is_empty() {
            let count = self.server.write(self.client.output())?;
            self.client.written(count);
        }
        Ok(())
    }

    fn target(&mut self) -> Target {
        let motion = self.client.motion();
        Target {
            placement: self.canvas.placement(self.client.picture()),
            motion,
        }
    }
}

/// Whether a server is gone, from what reading or writing said.
fn gone(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(false),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(false),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(true),
            _ => Err(error),
        },
    }
}
