//! One whole relay: the input is a schedule of what peers do that mean it ill, and of when two honest sessions speak
//! beside them, one between two clients, one over a trunk that carries the others' traffic too. The honest sessions get
//! what they said, whole and in order, nobody else gets an octet of it, and nothing grows beyond what came in.

use std::collections::BTreeMap;
use std::time::Duration;

use msrp::limits::Limits;
use msrp::role::relay::{LinkOptions, Peer};

use super::hub::office_support::{DOOR, authorization, options, session};
use super::hub::{Got, Hub, challenge, frame, open, response};
use super::input::Input;

/// One action after the other.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut scene = Scene::new();
    for _ in 0..MAX_ACTIONS {
        if input.is_empty() {
            break;
        }
        scene.act(&mut input);
        scene.check();
    }
    scene.finish();
}

/// What one direction of an honest session says.
struct Voice {
    from: u64,
    to: u64,
    to_path: String,
    from_path: String,
    /// From-Path as it arrives.
    arrives: String,
    /// Its octets are this one and the seven after it, which nobody else says.
    base: u8,
    /// The messages so far, by their lengths; the last one may be under way.
    said: Vec<usize>,
    is_under_way: bool,
    chunks: usize,
    is_open: bool,
    heard: BTreeMap<String, usize>,
    ended: usize,
}

impl Voice {
    fn octets(&self, from: usize, len: usize) -> Vec<u8> {
        (from..from + len)
            .map(|n| self.base + (n * 5 % 8) as u8)
            .collect()
    }

    fn tid(&self) -> String {
        format!("h{}x{}", self.base, self.chunks)
    }

    /// The head of the next chunk of the message under way.
    fn open(&mut self) -> String {
        self.chunks += 1;
        let said = self.said.last().copied().unwrap_or_default();
        format!(
            "MSRP {} SEND\r\nTo-Path: {}\r\nFrom-Path: {}\r\nMessage-ID: h{}x{}\r\n\
             Byte-Range: {}-*/*\r\nContent-Type: text/plain\r\n\r\n",
            self.tid(),
            self.to_path,
            self.from_path,
            self.base,
            self.said.len(),
            said + 1,
        )
    }

    /// The end of the chunk under way.
    fn end(&self, flag: char) -> String {
        format!("\r\n-------{}{flag}\r\n", self.tid())
    }
}

/// Who is fuzzed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A client with a URI.
    Client,
    /// Nobody.
    Stranger,
    /// Another relay, with a URI for a client.
    Trunk,
}

struct Foe {
    role: Role,
    link: u64,
    token: String,
    /// The chunk that it has begun.
    open: Option<String>,
    /// What it got and may answer.
    got: Vec<Got>,
}

struct Scene {
    hub: Hub,
    voices: Vec<Voice>,
    foes: Vec<Foe>,
    /// The honest trunk.
    trunk: u64,
    /// Octets that foes said.
    said: usize,
    numbers: usize,
}

const HONEST: &str = "honest.example.com";
const FAR: &str = "msrps://honest.example.com:9000/far;tcp msrps://dave.example.net:7777/dave;tcp";
const FOE: &str = "foe.example.com";
const FOE_INNER: &str = "msrps://foe.example.com:9000/f0e;tcp";
const VICTIM: &str = "msrps://victim.example.org:80/x;tcp";

impl Scene {
    fn new() -> Self {
        let mut limits = Limits::default();
        limits.receive_window = 4096;
        limits.connection_slack = 16 * 1024;
        limits.control_lane = 4096;
        limits.write_ahead = 4096;
        let mut options = options();
        options.lifetime = Duration::from_secs(24 * 3600);
        let mut hub = Hub::with(options, limits, LinkOptions::default());
        hub.reachable = vec!["victim.example.org".into()];
        let trunk = hub.connect(Peer::Relay(HONEST.into()));
        let clients: Vec<u64> = (0..3).map(|_| hub.connect(Peer::Client)).collect();
        let tokens: Vec<String> = clients.iter().map(|id| hub.login(*id, "carol")).collect();
        let (a, b, c) = (clients[0], clients[1], clients[2]);
        let mut voices = Vec::new();
        for (base, from, to, to_path, from_path, passed) in [
            (
                0xf0,
                a,
                b,
                format!("{} {} {}", tokens[0], tokens[1], session(b)),
                session(a),
                format!("{} {}", tokens[1], tokens[0]),
            ),
            (
                0xf8,
                c,
                trunk,
                format!("{} {FAR}", tokens[2]),
                session(c),
                tokens[2].clone(),
            ),
            (
                0xe8,
                trunk,
                c,
                format!("{} {}", tokens[2], session(c)),
                FAR.to_owned(),
                tokens[2].clone(),
            ),
        ] {
            voices.push(Voice {
                from,
                to,
                arrives: format!("{passed} {from_path}"),
                to_path,
                from_path,
                base,
                said: Vec::new(),
                is_under_way: false,
                chunks: 0,
                is_open: false,
                heard: BTreeMap::new(),
                ended: 0,
            });
        }
        let mut scene = Self {
            hub,
            voices,
            foes: Vec::new(),
            trunk,
            said: 0,
            numbers: 0,
        };
        for role in [Role::Client, Role::Stranger, Role::Trunk] {
            let foe = scene.foe(role);
            scene.foes.push(foe);
        }
        scene.check();
        scene
    }

    /// A connection of such a one, with its login.
    fn foe(&mut self, role: Role) -> Foe {
        let hub = &mut self.hub;
        let (link, token) = match role {
            Role::Client => {
                let link = hub.connect(Peer::Client);
                let token = hub.login(link, "alice");
                (link, token)
            }
            Role::Stranger => (hub.connect(Peer::Client), DOOR.to_owned()),
            Role::Trunk => {
                let link = hub.connect(Peer::Relay(FOE.into()));
                let from = format!("{FOE_INNER} {}", session(link));
                hub.say(link, frame("auth0000", "AUTH", DOOR, &from, &[]));
                let seen = challenge(&hub.one(link));
                let line = authorization(&seen, "bob", "hidden", DOOR, 1);
                hub.say(link, frame("auth0001", "AUTH", DOOR, &from, &[line]));
                let path = hub.one(link).header("Use-Path");
                (link, path.rsplit(' ').next().unwrap_or_default().to_owned())
            }
        };
        Foe {
            role,
            link,
            token,
            open: None,
            got: Vec::new(),
        }
    }

    fn act(&mut self, input: &mut Input<'_>) {
        let nth = usize::from(input.byte()) % self.foes.len();
        match input.byte() % 24 {
            0..7 => self.request(nth, input),
            7..10 => {
                let len = input.number() % (8 * MAX_LEN);
                self.body(nth, &vec![b'.'; len]);
            }
            10 => self.plant(nth, input),
            11 => {
                let flag = input.pick(&['$', '+', '#']);
                if let Some(tid) = self.foes[nth].open.take() {
                    self.say(nth, format!("\r\n-------{tid}{flag}\r\n").as_bytes());
                }
            }
            12 | 13 => self.answer(nth, input),
            14 => {
                let len = usize::from(input.byte());
                let octets = input.take(len).to_vec();
                self.say(nth, &octets);
            }
            15 => {
                let link = self.foes[nth].link;
                self.hub.port(link).takes = match input.byte() {
                    0..64 => Some(0),
                    takes @ 64..192 => Some(usize::from(takes) * 16),
                    _ => None,
                };
                self.hub.pump();
            }
            16 => {
                let seconds = (input.number() % 100) as u64;
                // The honest do not sleep: they answer what comes while time passes.
                for _ in 0..seconds.div_ceil(STEP) {
                    self.hub.pass(Duration::from_secs(STEP));
                    self.listen();
                }
            }
            17 => {
                let link = self.foes[nth].link;
                self.hub.lose(link);
            }
            18 => self.auth(nth, input),
            _ => {
                let voice = usize::from(input.byte()) % self.voices.len();
                let len = input.number() % MAX_LEN;
                self.speak(voice, len, input.flag());
            }
        }
        for nth in 0..self.foes.len() {
            if !self.hub.is_open(self.foes[nth].link) {
                self.foes[nth] = self.foe(self.foes[nth].role);
            }
        }
    }

    /// A URI as a foe may write it: it knows what others are called here, and its own.
    fn uri(&self, input: &mut Input<'_>) -> String {
        let foe = |nth: usize| self.foes[nth].token.clone();
        let known = |voice: usize, nth: usize| {
            let path = &self.voices[voice].to_path;
            path.split(' ').nth(nth).unwrap_or_default().to_owned()
        };
        match input.byte() % 16 {
            0..3 => foe(0),
            3 => foe(1),
            4 | 5 => foe(2),
            6 => known(0, 0),
            7 => known(0, 1),
            8 => known(1, 0),
            9 => known(0, 2),
            10 => FAR.split(' ').next().unwrap_or_default().to_owned(),
            11 => "msrps://dave.example.net:7777/dave;tcp".to_owned(),
            12 => VICTIM.to_owned(),
            13 => FOE_INNER.to_owned(),
            14 => DOOR.to_owned(),
            _ => session(u64::from(input.byte() % 12)),
        }
    }

    fn path(&self, input: &mut Input<'_>) -> String {
        let count = 1 + input.byte() % 4;
        let uris: Vec<String> = (0..count).map(|_| self.uri(input)).collect();
        uris.join(" ")
    }

    /// A path that leads somewhere: through the own URI, or to who has another one.
    fn way(&self, nth: usize, input: &mut Input<'_>) -> String {
        let foe = &self.foes[usize::from(input.byte()) % self.foes.len()];
        let to_foe = match foe.role {
            Role::Client => format!("{} {}", foe.token, session(foe.link)),
            Role::Stranger => session(foe.link),
            Role::Trunk => format!("{} {FOE_INNER} {}", foe.token, session(foe.link)),
        };
        let voice = &self.voices[usize::from(input.byte()) % self.voices.len()];
        let (_, to_honest) = voice.to_path.split_once(' ').unwrap_or_default();
        let own = &self.foes[nth].token;
        match input.byte() % 8 {
            0 | 1 => format!("{own} {to_foe}"),
            2 | 3 => format!("{own} {to_honest}"),
            4 => format!("{own} {FAR}"),
            5 => format!("{own} {VICTIM}"),
            6 => to_foe,
            _ => voice.to_path.clone(),
        }
    }

    fn request(&mut self, nth: usize, input: &mut Input<'_>) {
        let to_path = match input.byte() % 4 {
            0 => self.path(input),
            _ => self.way(nth, input),
        };
        let mut from_path = self.path(input);
        // What nobody but the honest can say is the end of their From-Path: their sessions are secret.
        from_path.push_str(&format!(" msrps://foe{nth}.example.com:7777/foe;tcp"));
        if !input.byte().is_multiple_of(4) {
            from_path = session(self.foes[nth].link);
        }
        let method = input.pick(&["SEND", "SEND", "SEND", "SEND", "REPORT", "AUTH", "FOOBAR"]);
        self.numbers += 1;
        let tid = match input.byte() {
            0 => "same0000".to_owned(),
            _ => format!("foe{:05}", self.numbers),
        };
        let lines = input.pick(&[
            "",
            "",
            "Byte-Range: 1-*/*\r\n",
            "Failure-Report: no\r\n",
            "Failure-Report: partial\r\n",
            "Success-Report: yes\r\nByte-Range: 5-8/9\r\n",
            "Status: 000 200 OK\r\n",
            "To-Path: nonsense\r\n",
        ]);
        if let Some(open) = self.foes[nth].open.take() {
            self.say(nth, format!("\r\n-------{open}+\r\n").as_bytes());
        }
        let (before, unreached) = (self.hub.dials.len(), self.hub.unreached);
        if method == "SEND" && input.flag() {
            let text = open(&tid, &to_path, &from_path, lines);
            self.foes[nth].open = Some(tid);
            self.say(nth, text.as_bytes());
        } else {
            let lines: Vec<String> = lines.split_terminator("\r\n").map(str::to_owned).collect();
            let text = frame(&tid, method, &to_path, &from_path, &lines);
            self.say(nth, text.as_bytes());
        }
        if self.foes[nth].role == Role::Stranger {
            assert_eq!(
                (before, unreached),
                (self.hub.dials.len(), self.hub.unreached),
                "a stranger makes the relay connect"
            );
        }
    }

    /// What would end the chunk that somebody is getting, and a request behind it.
    fn plant(&mut self, nth: usize, input: &mut Input<'_>) {
        let ports = [self.trunk, self.voices[0].to, self.voices[2].to];
        let Some(tid) = self.hub.reading(input.pick(&ports)) else {
            return;
        };
        let flag = input.pick(&['$', '+', '#']);
        let path = self.path(input);
        let inner = frame("planted0", "SEND", &path, FOE_INNER, &[]);
        let text = format!("\r\n-------{tid}{flag}\r\n{inner}");
        let cut = usize::from(input.byte()) % (text.len() + 1);
        let (one, two) = text.split_at(cut);
        self.body(nth, one.as_bytes());
        self.body(nth, two.as_bytes());
    }

    /// Octets of the chunk that is open, if one is.
    fn body(&mut self, nth: usize, octets: &[u8]) {
        if self.foes[nth].open.is_some() {
            self.say(nth, octets);
        }
    }

    fn answer(&mut self, nth: usize, input: &mut Input<'_>) {
        if self.foes[nth].open.is_some() || self.foes[nth].got.is_empty() {
            return;
        }
        let at = usize::from(input.byte()) % self.foes[nth].got.len();
        let request = self.foes[nth].got.swap_remove(at);
        let status = match input.byte() {
            0..128 => 200,
            128..200 => input.pick(&[400, 403, 408, 413, 415, 481, 501, 506]),
            _ => (input.number() % 1000) as u16,
        };
        let text = response(&request, status, &[]);
        self.say(nth, text.as_bytes());
    }

    fn auth(&mut self, nth: usize, input: &mut Input<'_>) {
        if self.foes[nth].open.is_some() {
            return;
        }
        let link = self.foes[nth].link;
        let from = match self.foes[nth].role {
            Role::Trunk => format!("{FOE_INNER} {}", session(link)),
            Role::Client | Role::Stranger => session(link),
        };
        self.say(nth, frame("login000", "AUTH", DOOR, &from, &[]).as_bytes());
        let asked = self.foes[nth]
            .got
            .iter()
            .rev()
            .find(|got| got.status() == 401);
        let Some(seen) = asked.map(challenge) else {
            return;
        };
        let user = input.pick(&["alice", "bob", "carol", "nobody"]);
        let password = input.pick(&["secret", "hidden", "wrong"]);
        let line = authorization(&seen, user, password, DOOR, u32::from(input.byte()));
        let more = input.pick(&["Expires: 60", "Expires: 0", "Expires: x", "X: y"]);
        let lines = [line, more.to_owned()];
        self.say(
            nth,
            frame("login001", "AUTH", DOOR, &from, &lines).as_bytes(),
        );
    }

    /// A foe says something, without the octets of the honest.
    fn say(&mut self, nth: usize, octets: &[u8]) {
        let octets: Vec<u8> = octets.iter().map(|octet| octet & 0x7f).collect();
        self.said += octets.len();
        self.hub.say(self.foes[nth].link, octets);
        self.listen();
    }

    /// The honest say more, or begin, or end.
    fn speak(&mut self, nth: usize, len: usize, then_ends: bool) {
        let voice = &mut self.voices[nth];
        let mut octets = Vec::new();
        if !voice.is_open {
            voice.is_open = true;
            if !voice.is_under_way {
                voice.is_under_way = true;
                voice.said.push(0);
            }
            octets.extend_from_slice(voice.open().as_bytes());
        }
        let before = voice.said.last().copied().unwrap_or_default();
        octets.extend(voice.octets(before, len));
        if let Some(said) = voice.said.last_mut() {
            *said += len;
        }
        if then_ends {
            voice.is_open = false;
            voice.is_under_way = false;
            octets.extend_from_slice(voice.end('$').as_bytes());
        }
        let from = voice.from;
        self.hub.say(from, octets);
        self.listen();
    }

    /// All take what they got; the honest answer.
    fn listen(&mut self) {
        loop {
            let mut answers = Vec::new();
            let mut honest: Vec<u64> = self.voices.iter().flat_map(|v| [v.from, v.to]).collect();
            honest.sort_unstable();
            honest.dedup();
            for link in honest {
                for got in self.hub.got(link) {
                    self.honest_got(link, &got);
                    if got.status() == 0 && got.method() != "REPORT" {
                        answers.push((link, response(&got, 200, &[])));
                    }
                }
            }
            for foe in &mut self.foes {
                for got in self.hub.got(foe.link) {
                    assert!(is_foul(&got.body), "a foe gets what the honest said");
                    foe.got.push(got);
                }
                let surplus = foe.got.len().saturating_sub(MAX_GOT);
                foe.got.drain(..surplus);
            }
            if answers.is_empty() {
                return;
            }
            for (link, text) in answers {
                // Between the octets of an open chunk there is no place for a response: it is interrupted.
                let mut voices = self.voices.iter_mut();
                let voice = voices.find(|voice| voice.from == link && voice.is_open);
                let text = match voice {
                    Some(voice) => {
                        voice.is_open = false;
                        voice.end('+') + &text
                    }
                    None => text,
                };
                self.hub.say(link, text);
            }
        }
    }

    fn honest_got(&mut self, link: u64, got: &Got) {
        let from = got.header("From-Path");
        // What relays say themselves has one URI there.
        assert!(
            from.contains(' ') || matches!(got.status(), 200),
            "the honest hear of a failure: {got:?}"
        );
        let is_it = |voice: &&mut Voice| voice.to == link && voice.arrives == from;
        let voice = self.voices.iter_mut().find(is_it);
        let Some(voice) = voice.filter(|_| got.method() == "SEND") else {
            assert!(is_foul(&got.body), "one session gets what another said");
            return;
        };
        let id = got.header("Message-ID");
        let start = got.head.byte_range().map_or(1, |range| range.start) as usize;
        let heard = voice.heard.get(&id).copied().unwrap_or(0);
        assert_eq!(start, heard + 1, "octets come in order");
        assert!(got.body == voice.octets(heard, got.body.len()));
        voice.heard.insert(id, heard + got.body.len());
        match got.end.as_octet() {
            b'$' => voice.ended += 1,
            flag => assert_eq!(flag, b'+', "nobody gives up"),
        }
    }

    fn check(&mut self) {
        self.listen();
        for voice in &self.voices {
            assert!(self.hub.is_open(voice.from) && self.hub.is_open(voice.to));
        }
        let honest: usize = self.voices.iter().flat_map(|voice| &voice.said).sum();
        let most = 4 * self.said + honest + 64 * 1024;
        assert!(
            self.hub.most_held < most,
            "{} of {most}",
            self.hub.most_held
        );
    }

    fn finish(&mut self) {
        for round in 0..2 {
            for nth in 0..self.voices.len() {
                if round == 1 || self.voices[nth].is_under_way {
                    self.speak(nth, 10 + round, true);
                }
            }
            self.check();
        }
        for voice in &self.voices {
            assert_eq!(voice.ended, voice.said.len(), "each message ends once");
            let mut heard: Vec<usize> = voice.heard.values().copied().collect();
            let mut said = voice.said.clone();
            heard.sort_unstable();
            said.sort_unstable();
            assert_eq!(heard, said, "each message comes whole");
        }
        // When all foes are gone, nothing of them is left.
        for nth in 0..self.foes.len() {
            let link = self.foes[nth].link;
            self.hub.lose(link);
        }
        self.hub.pass(Duration::from_secs(31));
        self.listen();
        for voice in &self.voices {
            for link in [voice.from, voice.to] {
                assert_eq!(self.hub.port(link).link.held_bytes(), 0);
            }
        }
    }
}

/// Whether no octet is one of an honest session.
fn is_foul(body: &[u8]) -> bool {
    body.iter().all(|octet| *octet < 0xe8)
}

const MAX_ACTIONS: usize = 80;

/// Seconds that pass at a time.
const STEP: u64 = 10;

/// Longest piece of one action.
const MAX_LEN: usize = 5000;

/// What a foe remembers in order to answer it.
const MAX_GOT: usize = 32;
