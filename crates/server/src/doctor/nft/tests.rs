use super::*;

/// As `nft -j list ruleset` prints them (nftables 1.0.6).
fn chain(table: &str, name: &str, base: &str) -> String {
    format!(r#"{{"chain":{{"family":"inet","table":"{table}","name":"{name}","handle":1{base}}}}}"#)
}

const INPUT: &str = r#","type":"filter","hook":"input","prio":0,"policy":"drop""#;
const OPEN_INPUT: &str = r#","type":"filter","hook":"input","prio":0,"policy":"accept""#;

fn rule(table: &str, chain: &str, expressions: &str) -> String {
    format!(
        r#"{{"rule":{{"family":"inet","table":"{table}","chain":"{chain}","handle":2,"expr":[{expressions}]}}}}"#
    )
}

fn ruleset(objects: &[String]) -> Ruleset {
    let json = format!(
        r#"{{"nftables":[{{"metainfo":{{"version":"1.0.6"}}}},{}]}}"#,
        objects.join(",")
    );
    Ruleset::read(&json).unwrap_or_else(|| panic!("{json}"))
}

fn fate(ruleset: &Ruleset, protocol: Protocol, port: u16) -> &'static str {
    let interface = "eth0";
    let answers = false;
    match ruleset.fate(&Probe {
        interface,
        protocol,
        port,
        answers,
    }) {
        Fate::Passes => "passes",
        Fate::Dropped(_) => "dropped",
        Fate::MayBeDropped(_) => "may be dropped",
    }
}

/// The fate of a packet to 69/udp where a chain that drops has this one rule.
fn with(expressions: &str) -> &'static str {
    let rules = [chain("t", "in", INPUT), rule("t", "in", expressions)];
    fate(&ruleset(&rules), Protocol::Udp, 69)
}

const ACCEPT: &str = r#"{"accept":null}"#;

fn compare(left: &str, op: &str, right: &str) -> String {
    format!(r#"{{"match":{{"op":"{op}","left":{left},"right":{right}}}}},{ACCEPT}"#)
}

const DPORT: &str = r#"{"payload":{"protocol":"udp","field":"dport"}}"#;
const TH_DPORT: &str = r#"{"payload":{"protocol":"th","field":"dport"}}"#;
const TCP_DPORT: &str = r#"{"payload":{"protocol":"tcp","field":"dport"}}"#;
const IIFNAME: &str = r#"{"meta":{"key":"iifname"}}"#;
const L4PROTO: &str = r#"{"meta":{"key":"l4proto"}}"#;
const NFPROTO: &str = r#"{"meta":{"key":"nfproto"}}"#;
const STATE: &str = r#"{"ct":{"key":"state"}}"#;
const SADDR: &str = r#"{"payload":{"protocol":"ip","field":"saddr"}}"#;

#[test]
fn what_a_rule_compares() {
    for (left, op, right, expected) in [
        (DPORT, "==", "69", "passes"),
        (DPORT, "==", "67", "dropped"),
        (DPORT, "!=", "67", "passes"),
        (DPORT, "==", r#"{"set":[67,69]}"#, "passes"),
        (DPORT, "==", r#"{"set":[67,{"range":[68,70]}]}"#, "passes"),
        (DPORT, "==", r#"{"range":[70,80]}"#, "dropped"),
        (DPORT, ">=", "1024", "dropped"),
        (DPORT, "<", "1024", "passes"),
        (TH_DPORT, "==", "69", "passes"),
        (TCP_DPORT, "==", "69", "dropped"),
        (IIFNAME, "==", r#""eth0""#, "passes"),
        (IIFNAME, "==", r#""eth*""#, "passes"),
        (IIFNAME, "==", r#""wlan0""#, "dropped"),
        (L4PROTO, "==", r#""udp""#, "passes"),
        (L4PROTO, "==", "17", "passes"),
        (L4PROTO, "==", "6", "dropped"),
        (L4PROTO, "==", r#"{"set":["tcp","udp"]}"#, "passes"),
        (NFPROTO, "==", r#""ipv6""#, "dropped"),
        (STATE, "in", r#"["established","related"]"#, "dropped"),
        (STATE, "in", r#"["established","new"]"#, "passes"),
        (SADDR, "==", r#""10.0.0.9""#, "may be dropped"),
        (SADDR, "==", r#""@friends""#, "may be dropped"),
    ] {
        assert_eq!(
            with(&compare(left, op, right)),
            expected,
            "{left} {op} {right}"
        );
    }
    assert_eq!(
        with(r#"{"counter":{"packets":0,"bytes":0}},{"accept":null}"#),
        "passes"
    );
    assert_eq!(
        with(r#"{"limit":{"rate":4,"per":"minute"}},{"accept":null}"#),
        "may be dropped"
    );
    assert_eq!(with(r#"{"xt":null},{"accept":null}"#), "may be dropped");
    assert_eq!(with(r#"{"log":null}"#), "dropped");
}

#[test]
fn a_packet_without_a_chain_passes_and_other_hooks_do_not_matter() {
    assert_eq!(fate(&Ruleset::default(), Protocol::Udp, 69), "passes");
    let forward = r#","type":"filter","hook":"forward","prio":0,"policy":"drop""#;
    let nat = r#","type":"nat","hook":"prerouting","prio":0,"policy":"drop""#;
    let mut all = ruleset(&[chain("t", "f", forward), chain("t", "n", nat)]);
    assert_eq!(fate(&all, Protocol::Udp, 69), "passes");
    let probe = Probe {
        interface: "br0",
        protocol: Protocol::Tcp,
        port: 6881,
        answers: false,
    };
    assert!(all.drops_forwarded(&probe));
    all.chains[0].name.family = "ip6".to_owned();
    assert!(!all.drops_forwarded(&probe));
}

#[test]
fn jumps_returns_and_maps_are_followed() {
    let jump = |target: &str| format!(r#"{{"jump":{{"target":"{target}"}}}}"#);
    let goto = |target: &str| format!(r#"{{"goto":{{"target":"{target}"}}}}"#);
    let only_dhcp = compare(DPORT, "==", "67");
    let back = r#"{"return":null}"#;
    let played = |rules: &[String]| {
        let chains = [
            chain("t", "in", INPUT),
            chain("t", "room", ""),
            chain("t", "other", ""),
        ];
        let all = ruleset(&[&chains[..], rules].concat());
        [67, 69].map(|port| fate(&all, Protocol::Udp, port))
    };
    let in_room = rule("t", "room", &only_dhcp);
    assert_eq!(
        played(&[rule("t", "in", &jump("room")), in_room.clone()]),
        ["passes", "dropped"]
    );
    // After a jump the chain goes on, after a goto it does not, after a return only whoever jumped.
    let then = rule("t", "in", ACCEPT);
    assert_eq!(
        played(&[
            rule("t", "in", &jump("room")),
            in_room.clone(),
            then.clone()
        ]),
        ["passes", "passes"]
    );
    assert_eq!(
        played(&[rule("t", "in", &goto("room")), in_room, then.clone()]),
        ["passes", "dropped"]
    );
    let returns = [
        rule("t", "room", back),
        rule("t", "room", r#"{"drop":null}"#),
    ];
    assert_eq!(
        played(&[&[rule("t", "in", &jump("room"))][..], &returns, &[then]].concat()),
        ["passes", "passes"]
    );
    // As firewalld and others sort packets.
    let map = format!(
        r#"{{"vmap":{{"key":{DPORT},"data":{{"set":[[67,{{"accept":null}}],[69,{}]]}}}}}}"#,
        jump("other")
    );
    let refuses = rule(
        "t",
        "other",
        r#"{"reject":{"type":"icmpx","expr":"admin-prohibited"}}"#,
    );
    assert_eq!(
        played(&[rule("t", "in", &map), refuses]),
        ["passes", "dropped"]
    );
}

#[test]
fn named_sets_are_looked_into() {
    let set = r#"{"set":{"family":"inet","name":"doors","table":"t","type":"inet_service","handle":3,"elem":[67,{"elem":{"val":69}}]}}"#;
    let rules = [
        chain("t", "in", INPUT),
        rule("t", "in", &compare(DPORT, "==", r#""@doors""#)),
        set.to_owned(),
    ];
    let all = ruleset(&rules);
    assert_eq!(
        [67, 69, 70].map(|port| fate(&all, Protocol::Udp, port)),
        ["passes", "passes", "dropped"]
    );
}

#[test]
fn every_chain_must_let_it_in() {
    let drop_tcp =
        format!(r#"{{"match":{{"op":"==","left":{TCP_DPORT},"right":6969}}}},{{"drop":null}}"#);
    let all = ruleset(&[
        chain("a", "in", OPEN_INPUT),
        chain("b", "in", OPEN_INPUT),
        rule("b", "in", &drop_tcp),
    ]);
    assert_eq!(fate(&all, Protocol::Tcp, 6969), "dropped");
    assert_eq!(fate(&all, Protocol::Tcp, 6881), "passes");
    assert!(all.has("a") && all.has("in") && !all.has("ufw-"));
}

/// As firewalld begins.
#[test]
fn what_is_for_this_computer_itself_was_not_translated() {
    let status = r#"{"ct":{"key":"status"}}"#;
    let accept = rule("t", "in", &compare(status, "in", r#""dnat""#));
    let all = ruleset(&[chain("t", "in", INPUT), accept]);
    assert_eq!(fate(&all, Protocol::Udp, 67), "dropped");
}

#[test]
fn answers_to_what_was_sent_are_let_in_by_state() {
    let rules = [
        chain("t", "in", INPUT),
        rule(
            "t",
            "in",
            &compare(STATE, "in", r#"["established","related"]"#),
        ),
    ];
    let probe = |answers| Probe {
        interface: "eth0",
        protocol: Protocol::Udp,
        port: 50_000,
        answers,
    };
    let all = ruleset(&rules);
    assert_eq!(all.fate(&probe(true)), Fate::Passes);
    assert!(
        matches!(all.fate(&probe(false)), Fate::Dropped(chain) if chain.to_string() == "inet t in")
    );
}

/// Chains that jump to each other without end, and JSON of anybody.
#[test]
fn nothing_goes_on_for_ever() {
    let jump = r#"{"jump":{"target":"in"}},{"jump":{"target":"in"}}"#;
    let rules: Vec<String> = (0..50).map(|_| rule("t", "in", jump)).collect();
    let all = ruleset(&[vec![chain("t", "in", INPUT)], rules].concat());
    assert_eq!(fate(&all, Protocol::Udp, 69), "may be dropped");
    for json in ["", "[]", r#"{"nftables":1}"#] {
        assert!(Ruleset::read(json).is_none(), "{json}");
    }
    let odd = [
        r#"{"nftables":[{"rule":{}},{"chain":{"family":1}},{"set":{}},{"map":null}]}"#,
        r#"{"nftables":[{"chain":{"family":"inet","table":"t","name":"in","hook":"input","type":"filter"}},
            {"rule":{"family":"inet","table":"t","chain":"in","expr":[null,{},{"match":{}},{"vmap":{}},{"jump":{}}]}}]}"#,
    ];
    for json in odd {
        let all = Ruleset::read(json).unwrap_or_else(|| panic!("{json}"));
        assert_ne!(fate(&all, Protocol::Udp, 69), "dropped", "{json}");
    }
}
