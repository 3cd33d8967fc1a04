use super::*;
use msrp_conformance::covers;
use serde_json::Value;

/// Decodes `input` given in blocks of `step` octets.
fn lines(input: &[u8], step: usize, messages: bool) -> (bool, Vec<Value>) {
    struct Steps<'a>(&'a [u8], usize);
    impl Read for Steps<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(buffer.len());
            self.0.read(&mut buffer[..len])
        }
    }
    let mut out = Vec::new();
    let style = Style {
        json: true,
        messages,
    };
    let whole = decode(Steps(input, step), &mut out, style).expect("nothing fails here");
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    let lines = text.lines();
    let lines = lines.map(|line| serde_json::from_str(line).expect("a line of JSON"));
    (whole, lines.collect())
}

fn messages(input: &str) -> Vec<Value> {
    let (whole, all) = lines(input.as_bytes(), usize::MAX, true);
    assert!(whole, "{all:?}");
    for step in [1, 7] {
        assert_eq!(lines(input.as_bytes(), step, true).1, all);
    }
    all
}

fn chunk(tid: &str, id: &str, range: &str, body: &str, flag: char) -> String {
    format!(
        "MSRP {tid} SEND\r\nTo-Path: msrp://127.0.0.1:2855/to;tcp\r\nFrom-Path: msrp://127.0.0.1:2856/from;tcp\r\n\
         Message-ID: {id}\r\nByte-Range: {range}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n-------{tid}{flag}\r\n"
    )
}

fn bodiless(tid: &str, id: &str, flag: char) -> String {
    format!(
        "MSRP {tid} SEND\r\nTo-Path: msrp://127.0.0.1:2855/to;tcp\r\nFrom-Path: msrp://127.0.0.1:2856/from;tcp\r\n\
         Message-ID: {id}\r\n-------{tid}{flag}\r\n"
    )
}

fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    crate::output::hex(&Sha256::digest(text))
}

#[test]
fn a_message_is_put_together_by_its_ranges() {
    let input = chunk("tid1", "mess1", "5-8/12", "BBBB", '+')
        + &chunk("tid2", "mess1", "1-4/12", "AAAA", '+')
        + &chunk("tid3", "mess1", "9-12/12", "CCCC", '$');
    let lines = messages(&input);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message_id"], "mess1");
    assert_eq!(lines[0]["content_type"], "text/plain");
    assert_eq!(lines[0]["length"], 12);
    assert_eq!(lines[0]["sha256"], digest("AAAABBBBCCCC"));
    assert_eq!(lines[0]["complete"], true);
    assert_eq!(lines[0]["aborted"], false);
    assert_eq!(lines[0].get("duplicate"), None);
    covers!("C-151");
}

#[test]
fn a_last_chunk_that_comes_early_waits_for_the_others() {
    let input = chunk("tid1", "mess1", "5-8/8", "BBBB", '$')
        + &chunk("tid2", "mess1", "1-4/8", "AAAA", '+');
    let lines = messages(&input);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["sha256"], digest("AAAABBBB"));
    assert_eq!(lines[0]["complete"], true);
    covers!("C-151");
}

#[test]
fn octets_sent_again_replace_the_earlier_ones() {
    let input = chunk("tid1", "mess1", "1-8/8", "AAAAAAAA", '+')
        + &chunk("tid2", "mess1", "3-4/8", "bb", '+')
        + &chunk("tid3", "mess1", "7-10/8", "CCCC", '$');
    let lines = messages(&input);
    assert_eq!(lines[0]["length"], 10);
    assert_eq!(lines[0]["sha256"], digest("AAbbAACCCC"));
    covers!("C-153");
}

#[test]
fn an_aborted_message_has_a_line_and_a_digest_of_what_came() {
    let input = chunk("tid1", "mess1", "1-4/100", "AAAA", '+')
        + &chunk("tid2", "mess1", "5-8/100", "BBBB", '#');
    let lines = messages(&input);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["length"], 8);
    assert_eq!(lines[0]["sha256"], digest("AAAABBBB"));
    assert_eq!(lines[0]["complete"], false);
    assert_eq!(lines[0]["aborted"], true);
}

#[test]
fn a_bodiless_send_gets_no_line_and_can_abort() {
    assert!(messages(&bodiless("tid1", "mess1", '$')).is_empty());
    let open = chunk("tid1", "mess1", "1-4/100", "AAAA", '+');
    let lines = messages(&(open.clone() + &bodiless("tid2", "mess1", '#')));
    assert_eq!(lines[0]["aborted"], true);
    let lines = messages(&(open + &bodiless("tid2", "mess1", '$')));
    assert_eq!(lines[0]["aborted"], false);
    assert_eq!(lines[0]["complete"], false);
    covers!("C-166");
}

#[test]
fn an_incomplete_message_with_a_gap_has_no_digest() {
    let input = chunk("tid1", "mess1", "1-4/100", "AAAA", '+')
        + &chunk("tid2", "mess1", "9-12/100", "CCCC", '+')
        + &chunk("tid3", "mess2", "1-*/*", "hello", '+');
    let lines = messages(&input);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["message_id"], "mess1");
    assert_eq!(lines[0]["length"], 8);
    assert_eq!(lines[0]["sha256"], Value::Null);
    assert_eq!(lines[0]["aborted"], false);
    assert_eq!(lines[1]["length"], 5);
    assert_eq!(lines[1]["sha256"], digest("hello"));
    assert_eq!(lines[1]["complete"], false);
}

#[test]
fn an_empty_body_is_a_message() {
    let lines = messages(&chunk("tid1", "mess1", "1-0/0", "", '$'));
    assert_eq!(lines[0]["length"], 0);
    assert_eq!(lines[0]["sha256"], digest(""));
    assert_eq!(lines[0]["complete"], true);
    covers!("C-011", "C-127");
}

#[test]
fn a_repeat_of_a_finished_message_is_a_duplicate() {
    let once = chunk("tid1", "mess1", "1-5/5", "hello", '$');
    let lines = messages(&(once.clone() + &chunk("tid2", "mess1", "1-5/5", "hello", '$')));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].get("duplicate"), None);
    assert_eq!(lines[1]["duplicate"], true);
    // What was aborted has not finished, and is not joined to (C-155).
    let aborted = chunk("tid3", "mess2", "1-5/9", "hello", '#');
    let lines = messages(&(aborted + &chunk("tid4", "mess2", "1-5/5", "hello", '$')));
    assert_eq!(lines[1].get("duplicate"), None);
    covers!("C-158");
}

#[test]
fn a_malformed_request_gets_a_line_and_the_stream_goes_on() {
    let bad = chunk("tid1", "mess1", "x-5/5", "hello", '$');
    let no_type = "MSRP tid2 SEND\r\nTo-Path: msrp://127.0.0.1:2855/to;tcp\r\n\
        From-Path: msrp://127.0.0.1:2856/from;tcp\r\nMessage-ID: mess2\r\n\r\nhello\r\n-------tid2$\r\n";
    let input = bad + no_type + &chunk("tid3", "mess3", "1-5/5", "hello", '$');
    for with_messages in [false, true] {
        let (whole, lines) = lines(input.as_bytes(), 3, with_messages);
        assert!(whole);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0]["malformed"].is_string());
        assert!(lines[1]["malformed"].is_string());
        assert_eq!(lines[2].get("malformed"), None);
        assert_eq!(lines[2]["message_id"], "mess3");
    }
    covers!("C-053", "C-064");
}

#[test]
fn a_broken_frame_is_the_last_line_with_its_first_octet() {
    let good = chunk("tid1", "mess1", "1-5/5", "hello", '$');
    let open = chunk("tid2", "mess2", "1-5/9", "hello", '+');
    let cut = &chunk("tid3", "mess2", "6-9/9", "more", '$')[..150];
    let offset = good.len() + open.len();
    for broken in [cut, "what is this?\r\n", "MSRP x\r\n"] {
        let input = format!("{good}{open}{broken}");
        let (whole, lines) = lines(input.as_bytes(), 5, true);
        assert!(!whole);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[0]["complete"], true);
        assert_eq!(lines[1]["complete"], false);
        assert_eq!(lines[1]["length"], 5);
        assert_eq!(lines[2]["offset"], offset);
        assert!(lines[2]["error"].is_string());
    }
}

#[test]
fn a_claim_of_length_costs_nothing() {
    let last = 9_000_000_000_000_000_000_u64;
    let input = chunk("tid1", "mess1", &format!("1-5/{last}"), "hello", '+')
        + &chunk("tid2", "mess1", "4000000000000000000-*/*", "world", '+')
        + &chunk("tid3", "mess3", &format!("{}-*/*", u64::MAX), "world", '$');
    let lines = messages(&input);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0]["malformed"].is_string());
    assert_eq!(lines[1]["length"], 10);
    assert_eq!(lines[1]["sha256"], Value::Null);
    covers!("C-062");
}

#[test]
fn a_large_message_goes_through_a_file() {
    let part = "0123456789abcdef".repeat(4096);
    let mut input = String::new();
    let mut whole = String::new();
    for number in 0..40 {
        let start = number * part.len() + 1;
        let flag = if number == 39 { '$' } else { '+' };
        let range = format!("{start}-{}/*", start + part.len() - 1);
        input += &chunk(&format!("tid{number}"), "mess1", &range, &part, flag);
        whole += &part;
    }
    let (_, lines) = lines(input.as_bytes(), 50_000, true);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["length"], whole.len());
    assert_eq!(lines[0]["sha256"], digest(&whole));
}

#[test]
fn frames_show_requests_and_responses() {
    let response = "MSRP tid2 200 OK\r\nTo-Path: msrp://127.0.0.1:2856/from;tcp\r\n\
        From-Path: msrp://127.0.0.1:2855/to;tcp\r\n-------tid2$\r\n";
    let request = chunk("tid1", "mess1", "1-*/5", "hello", '$');
    let (whole, lines) = lines((request.clone() + response).as_bytes(), 11, false);
    assert!(whole);
    assert_eq!(lines[0]["kind"], "request");
    assert_eq!(lines[0]["method"], "SEND");
    assert_eq!(lines[0]["offset"], 0);
    assert_eq!(lines[0]["byte_range"]["end"], Value::Null);
    assert_eq!(lines[0]["byte_range"]["total"], 5);
    assert_eq!(lines[0]["length"], 5);
    assert_eq!(lines[0]["flag"], "$");
    assert_eq!(lines[0]["to_path"][0], "msrp://127.0.0.1:2855/to;tcp");
    assert_eq!(lines[1]["kind"], "response");
    assert_eq!(lines[1]["offset"], request.len());
    assert_eq!(lines[1]["status"], 200);
    assert_eq!(lines[1]["comment"], "OK");
}
