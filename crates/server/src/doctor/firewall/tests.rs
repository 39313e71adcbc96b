use super::*;
use crate::bind::Ports;
use crate::doctor::finding::Severity;
use crate::doctor::ports::doors;

fn all_doors() -> Vec<Door> {
    doors(Ports {
        dhcp: true,
        tftp: true,
        http: 6969,
        peer: 6881,
    })
}

/// One chain that drops everything but answers, in a table and under a name of somebody's.
fn dropping(family: &str, table: &str, name: &str, more: &str) -> Read {
    let json = format!(
        r#"{{"nftables":[
            {{"chain":{{"family":"{family}","table":"{table}","name":"{name}","type":"filter","hook":"input","prio":0,"policy":"drop"}}}},
            {{"rule":{{"family":"{family}","table":"{table}","chain":"{name}","expr":[
                {{"match":{{"op":"in","left":{{"ct":{{"key":"state"}}}},"right":["established","related"]}}}},{{"accept":null}}]}}}}
            {more}]}}"#
    );
    Read {
        ruleset: Ruleset::read(&json),
        ..Read::default()
    }
}

fn said(read: &Read) -> Vec<(Severity, String, String)> {
    let findings = findings(read, "eth0", &all_doors()).into_iter();
    findings
        .map(|one| (one.severity, one.what, one.remedy.unwrap_or_default()))
        .collect()
}

#[test]
fn each_manager_is_told_in_its_own_words() {
    let ufw = r#",{"chain":{"family":"ip","table":"filter","name":"ufw-before-input"}}"#;
    let mut firewalld = dropping("inet", "firewalld", "filter_INPUT", "");
    firewalld.firewalld = Some(("home".to_owned(), None));
    for (read, who, command) in [
        (
            dropping("inet", "filter", "input", ""),
            "the chain inet filter input of nftables",
            r#"nft 'insert rule inet filter input iifname "eth0" udp dport { 67, 69, 4011 } accept; insert rule inet filter input iifname "eth0" tcp dport { 6969, 6881 } accept'"#,
        ),
        (
            dropping("ip", "filter", "INPUT", ""),
            "iptables",
            "iptables -I INPUT -i eth0 -p udp -m multiport --dports 67,69,4011 -j ACCEPT && \
             iptables -I INPUT -i eth0 -p tcp -m multiport --dports 6969,6881 -j ACCEPT",
        ),
        (
            dropping("ip", "filter", "INPUT", ufw),
            "ufw",
            "ufw allow in on eth0 to any port 67,69,4011 proto udp && ufw allow in on eth0 to any port 6969,6881 proto tcp",
        ),
        (
            firewalld,
            "firewalld (zone home)",
            "firewall-cmd --zone=home --add-port=67/udp --add-port=69/udp --add-port=4011/udp --add-port=6969/tcp --add-port=6881/tcp",
        ),
    ] {
        let what = format!("{who} keeps machines out of 67/udp 69/udp 4011/udp 6969/tcp 6881/tcp");
        assert_eq!(said(&read), [(Severity::Error, what, command.to_owned())]);
    }
}

#[test]
fn only_what_is_closed_is_opened() {
    let open = r#",{"rule":{"family":"inet","table":"t","chain":"in","expr":[
        {"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"udp"}},{"accept":null}]}}"#;
    let [(severity, what, remedy)] = &said(&dropping("inet", "t", "in", open))[..] else {
        panic!("one finding")
    };
    assert_eq!(
        (*severity, what.ends_with("out of 6969/tcp 6881/tcp")),
        (Severity::Error, true),
        "{what}"
    );
    assert_eq!(
        remedy,
        r#"nft 'insert rule inet t in iifname "eth0" tcp dport { 6969, 6881 } accept'"#
    );
}

#[test]
fn an_open_kernel_is_fine_whatever_a_manager_would_do() {
    let read = Read {
        ruleset: Some(Ruleset::default()),
        ufw: Some(Ufw::default()),
        ..Read::default()
    };
    let fine = "machines are let in to 67/udp 69/udp 4011/udp 6969/tcp 6881/tcp";
    assert_eq!(
        said(&read),
        [(Severity::Ok, fine.to_owned(), String::new())]
    );
}

#[test]
fn a_chain_that_keeps_no_state_keeps_tftp_out() {
    let json = r#"{"nftables":[
        {"chain":{"family":"inet","table":"t","name":"in","type":"filter","hook":"input","prio":0,"policy":"drop"}},
        {"rule":{"family":"inet","table":"t","chain":"in","expr":[
            {"match":{"op":"<","left":{"payload":{"protocol":"th","field":"dport"}},"right":10000}},{"accept":null}]}}]}"#;
    let read = Read {
        ruleset: Ruleset::read(json),
        ..Read::default()
    };
    let [(Severity::Error, what, remedy)] = &said(&read)[..] else {
        panic!("one error")
    };
    assert!(what.contains("TFTP"), "{what}");
    assert_eq!(
        remedy,
        "nft 'insert rule inet t in ct state established,related accept'"
    );
}

#[test]
fn without_the_kernels_rules_the_manager_is_asked() {
    let zone = Zone::read("  services: dhcp tftp proxy-dhcp\n  ports: 6969/tcp\n");
    let firewalld = Read {
        firewalld: Some(("public".to_owned(), Some(zone))),
        ..Read::default()
    };
    let command = "firewall-cmd --zone=public --add-port=6881/tcp";
    let what = "firewalld (zone public) keeps machines out of 6881/tcp";
    assert_eq!(
        said(&firewalld),
        [(Severity::Error, what.to_owned(), command.to_owned())]
    );
    let rule = |of: &str, ports: &str| {
        format!("### tuple ### allow {of} {ports} 0.0.0.0/0 any 0.0.0.0/0 in\n")
    };
    for (rules, severity) in [
        (rule("any", "1:65535"), Severity::Ok),
        (rule("udp", "67,69"), Severity::Error),
        (String::new(), Severity::Warning),
    ] {
        let read = Read {
            ufw: Some(Ufw {
                rules: rules.clone(),
                lets_in_others: false,
            }),
            ..Read::default()
        };
        assert_eq!(said(&read)[0].0, severity, "{rules}");
    }
    assert_eq!(said(&Read::default())[0].0, Severity::Note);
}

/// What iptables' own matches compare nft shows only as names: here that of a packet's kind of address, as ufw has it.
#[test]
fn where_only_a_packet_shows_what_becomes_of_it_the_manager_is_asked() {
    let more = r#",{"chain":{"family":"ip","table":"filter","name":"ufw-not-local"}},
        {"rule":{"family":"ip","table":"filter","chain":"INPUT","expr":[{"jump":{"target":"ufw-not-local"}}]}},
        {"rule":{"family":"ip","table":"filter","chain":"ufw-not-local","expr":[
            {"xt":{"type":"match","name":"addrtype"}},{"accept":null}]}}"#;
    let mut read = dropping("ip", "filter", "INPUT", more);
    let [(Severity::Note, ..)] = &said(&read)[..] else {
        panic!("nobody is there to ask")
    };
    read.ufw = Some(Ufw {
        rules: "### tuple ### allow udp 67,69,4011 0.0.0.0/0 any 0.0.0.0/0 in_eth0\n".to_owned(),
        lets_in_others: false,
    });
    let [(Severity::Error, what, remedy)] = &said(&read)[..] else {
        panic!("{:?}", said(&read))
    };
    assert_eq!(what, "ufw keeps machines out of 6969/tcp 6881/tcp");
    assert_eq!(
        remedy,
        "ufw allow in on eth0 to any port 6969,6881 proto tcp"
    );
    if let Some(ufw) = &mut read.ufw {
        ufw.lets_in_others = true;
    }
    assert_eq!(said(&read)[0].0, Severity::Ok);
}

/// Beside ufw, somebody's own table that drops by source: ufw's word opens its own chains alone.
#[test]
fn a_manager_is_not_asked_about_chains_of_others() {
    let more = r#",{"chain":{"family":"ip","table":"filter","name":"ufw-not-local"}},
        {"rule":{"family":"ip","table":"filter","chain":"INPUT","expr":[{"jump":{"target":"ufw-not-local"}}]}},
        {"rule":{"family":"ip","table":"filter","chain":"ufw-not-local","expr":[
            {"xt":{"type":"match","name":"addrtype"}},{"accept":null}]}},
        {"chain":{"family":"inet","table":"own","name":"in","type":"filter","hook":"input","prio":10,"policy":"accept"}},
        {"rule":{"family":"inet","table":"own","chain":"in","expr":[
            {"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"tcp"}},
            {"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"10.0.0.9"}},{"drop":null}]}}"#;
    let doubt = |chain: &str, ports: &str| {
        let what = format!("{chain} may drop {ports}, by what only a packet itself shows");
        (Severity::Note, what, format!("nft list chain {chain}"))
    };
    let mut read = dropping("ip", "filter", "INPUT", more);
    let all = "67/udp 69/udp 4011/udp 6969/tcp 6881/tcp";
    let others = doubt("inet own in", "6969/tcp 6881/tcp");
    assert_eq!(
        said(&read),
        [doubt("ip filter INPUT", all), others.clone()],
        "nobody is there to ask"
    );
    let rule = |ports: &str| format!("### tuple ### allow {ports} 0.0.0.0/0 any 0.0.0.0/0 in\n");
    let mut ufw = |rules: String, lets_in_others| {
        read.ufw = Some(Ufw {
            rules,
            lets_in_others,
        });
        said(&read)
    };
    assert_eq!(ufw(rule("udp 9"), true), std::slice::from_ref(&others));
    let closed = ufw(rule("udp 67,69,4011"), false);
    let [(Severity::Error, what, _)] = &closed[..] else {
        panic!("{closed:?}")
    };
    assert_eq!(what, "ufw keeps machines out of 6969/tcp 6881/tcp");
}

/// Where firewalld runs, what drops may still be a table that is not its own, which its command does not open.
#[test]
fn the_remedy_is_that_of_the_chain_which_drops() {
    let firewalld = r#",{"chain":{"family":"inet","table":"firewalld","name":"filter_INPUT","type":"filter","hook":"input","prio":10,"policy":"accept"}}"#;
    let mut read = dropping("inet", "own", "in", firewalld);
    read.firewalld = Some(("home".to_owned(), None));
    let [(Severity::Error, what, remedy)] = &said(&read)[..] else {
        panic!("one error")
    };
    assert!(
        what.starts_with("the chain inet own in of nftables"),
        "{what}"
    );
    assert!(
        remedy.starts_with("nft 'insert rule inet own in"),
        "{remedy}"
    );
}

#[test]
fn legacy_tables_and_filtered_bridges_are_warned_about() {
    let open = Some(Ruleset::default());
    for (legacy, warned) in [
        ("-P INPUT ACCEPT\n", false),
        ("-P INPUT DROP\n", true),
        ("-P INPUT ACCEPT\n-A INPUT -p udp -j REJECT\n", true),
    ] {
        let read = Read {
            ruleset: open.clone(),
            legacy: Some(legacy.to_owned()),
            ..Read::default()
        };
        let said = said(&read);
        assert_eq!(said[0].0 == Severity::Warning, warned, "{said:?}");
        assert_eq!(
            said[0].2.contains("iptables-legacy -I INPUT"),
            warned,
            "{said:?}"
        );
    }
    let json = r#"{"nftables":[{"chain":{"family":"ip","table":"filter","name":"FORWARD","type":"filter","hook":"forward","prio":0,"policy":"drop"}}]}"#;
    for bridge_filtered in [false, true] {
        let read = Read {
            ruleset: Ruleset::read(json),
            bridge_filtered,
            ..Read::default()
        };
        assert_eq!(
            said(&read)[0].2 == "sysctl net.bridge.bridge-nf-call-iptables=0",
            bridge_filtered
        );
    }
}
