//! Tests of the search for private keys. Their keys are random characters between the fixed parts of real ones.

use super::*;

/// Lines of a key that belongs to nobody.
const BODY: [&str; 3] = [
    "MIIEpAIBAAKCAQEAw7Zk3vXb1Qm9RtYc5uJfL0oPaS8dGhT2nVxE4iKyWq6rBzMC",
    "pU7eNs3gDj1HfA9xLb5vOkQw0tYcZ2mRi8EuXaP4yKdJ6lTnGhV7sBqCoF1zWr3M",
    "Hq2Yx8Tn5KcVb9Wz0RmAe4LsGd7JfPu1oXi6NtQv",
];

/// The beginning of a key whose lines do not look random.
const DULL: [&str; 2] = ["FAKEKEYFAKEKEYFAKEKEY", "FAKEKEYFAKE"];

fn lines(kind: &str) -> Vec<String> {
    let mark = |word: &str| format!("-----{word} {kind}PRIVATE KEY-----");
    [mark("BEGIN")].into_iter().chain(BODY.map(str::to_owned)).chain([mark("END")]).collect()
}

fn join(lines: &[String], before: &str, after: &str) -> String {
    lines.iter().map(|line| format!("{before}{line}{after}")).collect()
}

fn find(text: &str) -> Option<&'static str> {
    find_private_key(text.as_bytes())
}

#[test]
fn pem_is_found_with_every_label() {
    for kind in ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "ANY ", "SSH2 ENCRYPTED ", "NEBULA ED25519 "] {
        assert_eq!(find(&join(&lines(kind), "", "\n")), Some("PEM"), "{kind}");
    }
    let body = "xVgEZQXr1BYJKwYBBAHaRw8BAQdAvN3kT9xQm2Lc";
    for text in [
        format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 2\n\n{body}\n=aB3d\n"),
        format!("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"x\"\n{body}\n"),
        format!("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{body}\n"),
        "-----BEGIN OpenVPN Static key V1-----\n6acef03f62675b4b1bbd03e53b187727\n".to_owned(),
    ] {
        assert_eq!(find(&text), Some("PEM"), "{text}");
    }
}

#[test]
fn pem_is_found_in_literals_of_every_language() {
    for (before, after) in [
        ("  \"", "\\r\\n\"\n"),
        ("    \"", "\\n\" +\n"),
        ("  '", "\\n' .\n"),
        ("  . \"", "\\n\"\n"),
        ("  `", "`,\n"),
        ("  \"", "\",\n"),
        ("  \"", "\\n\" \\\n"),
        ("  << \"", "\\n\"\n"),
        ("  & \"", "\" & vbCrLf & _\n"),
        ("key += \"", "\\n\";\n"),
        ("lines.append(\"", "\")\n"),
        ("sb.append(\"", "\\n\");\n"),
        ("fputs(\"", "\\n\", file);\n"),
        ("    writeln!(f, \"", "\")?;\n"),
        ("  f\"", "\\n\"\n"),
        ("  b'", "\\n'\n"),
        ("  R\"(", ")\"\n"),
        ("  - ", "\n"),
        ("  - \"", "\"\n"),
        ("        ", "\n"),
        ("", "\\n\\\n"),
        ("\\\\", "\n"),
    ] {
        let text = join(&lines("RSA "), before, after);
        assert!(find(&text).is_some(), "{text}");
        // Lines of a key that are not DER are found, too.
        let text = text.replace("MIIEpAIBAAKCAQEA", "Xb3vQ8kTz1Lm5Np0");
        assert!(find(&text).is_some(), "{text}");
    }
}

#[test]
fn pem_is_found_behind_marks() {
    for (before, after) in [
        ("# ", "\n"),
        ("// ", "\n"),
        (" * ", "\n"),
        ("-- ", "\n"),
        ("; ", "\n"),
        ("% ", "\n"),
        ("REM ", "\n"),
        ("dnl ", "\n"),
        ("> ", "\n"),
        ("> > ", "\n"),
        ("+", "\n"),
        ("-", "\n"),
        (" ", "\n"),
        ("+    \"", "\\n\" +\n"),
        ("| ", " |\n"),
        ("12: ", "\n"),
        ("src/a.c-12-", "\n"),
        ("1a2b3c4d (Somebody 2024-01-01 12) ", "\n"),
        ("<span>", "</span>\n"),
        ("<td class=\"line\">", "</td>\n"),
        ("", "<br>\n"),
        ("", "^\n"),
        ("", "`\n"),
        ("\u{200b}", "\n"),
        ("\u{2502} ", " \u{2502}\n"),
    ] {
        let text = join(&lines("RSA "), before, after);
        assert!(find(&text).is_some(), "{text}");
        let text = text.replace("MIIEpAIBAAKCAQEA", "Xb3vQ8kTz1Lm5Np0");
        assert!(find(&text).is_some(), "{text}");
    }
}

#[test]
fn pem_is_found_in_every_escape() {
    for line_end in [
        "\\n",
        "\\\\n",
        "\\\\\\\\n",
        "\\r\\n",
        "%0A",
        "%0D%0A",
        "%250A",
        "&#10;",
        "&#xA;",
        "&#x0a;",
        "&amp;#10;",
        "\\u000a",
        "\\u{a}",
        "\\x0a",
        "\\012",
        "&NewLine;",
        "`n",
        "\\\n",
        " ",
        "",
    ] {
        let text = join(&lines("RSA "), "", line_end).replace("MIIEpAIBAAKCAQEA", "Xb3vQ8kTz1Lm5Np0");
        assert_eq!(find(&text), Some("PEM"), "{text}");
        let text = text.replace(' ', "%20");
        assert_eq!(find(&text), Some("PEM"), "{text}");
    }
    let form = join(&lines(""), "", "%0A").replace('+', "%2B").replace('/', "%2F").replace(' ', "+");
    assert!(find(&form).is_some(), "{form}");
}

#[test]
fn a_first_line_is_found_in_parts() {
    let body = BODY[1];
    for text in [
        format!("\"-----BEGIN RSA PRIV\" \"ATE KEY-----\\n\" \"{body}\\n\""),
        format!("\"-----BEGIN \" + \"RSA\" + \" PRIVATE KEY-----\" + \"{body}\""),
        format!("\"-----BEGIN \" + algorithm + \" PRIVATE KEY-----\\n\" + \"{body}\""),
        format!("\"-----\" + \"BEGIN RSA PRIVATE KEY\" + \"-----\\n\" + \"{body}\""),
        format!("BEGIN = \"-----BEGIN PRIVATE KEY-----\"\nBODY = \"{body}\"\nEND = \"-----END PRIVATE KEY-----\"\n"),
        format!("BEGIN = \"-----BEGIN PRIVATE KEY-----\"\nEND = \"-----END PRIVATE KEY-----\"\nBODY = \"{body}\"\n"),
        format!("f\"-----BEGIN PRIVATE KEY-----\\n{{'{body}'}}\""),
        format!("{body}\n{body}\n-----END RSA PRIVATE KEY-----\n"),
        format!("BODY = \"{body}\"\nPEM = \"-----BEGIN PRIVATE KEY-----\" + BODY + \"-----END PRIVATE KEY-----\"\n"),
        format!(
            "\u{2014}\u{2014}\u{2014}\u{2014}\u{2014}BEGIN PRIVATE KEY\u{2014}\u{2014}\u{2014}\u{2014}\u{2014}\n{body}\n"
        ),
        format!("-----BEGIN PRIVATE KEY-----\n{}\n", "MIIE pAIB w7Zk 3vXb 1Qm9 RtYc 5uJf L0oP aS8d GhT2 nVxE 4iKy"),
        format!("-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----", DULL[0], DULL[1]),
        format!("[\"-----BEGIN PRIVATE KEY-----\",\n \"{}\",\n \"-----END PRIVATE KEY-----\"]", DULL[0]),
    ] {
        assert!(find(&text).is_some(), "{text}");
    }
}

#[test]
fn base64_of_keys_is_found() {
    let wrapped = |text: &str, every: usize| {
        let chunks: Vec<&str> =
            text.as_bytes().chunks(every).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        chunks.join("\n    ")
    };
    let pem = join(&lines("RSA "), "", "\n").replace("MIIEpAIBAAKCAQEA", "Xb3vQ8kTz1Lm5Np0");
    for before in ["", "x", "xy", "apiVersion: v1\n"] {
        let once = encode(format!("{before}{pem}").as_bytes());
        let twice = encode(once.as_bytes());
        let wide: Vec<u8> = pem.bytes().flat_map(|byte| [byte, 0]).collect();
        for encoded in
            [once.clone(), wrapped(&once, 76), wrapped(&once, 64), twice.clone(), wrapped(&twice, 76), encode(&wide)]
        {
            let text = format!("data:\n  tls.key: {encoded}\n");
            assert!(find(&text).is_some(), "{text}");
        }
    }
    let hex: String = pem.bytes().map(|byte| format!("{byte:02x}")).collect();
    let bytes: Vec<String> = pem.bytes().map(|byte| format!("0x{byte:02x}")).collect();
    let decimal: Vec<String> = pem.bytes().map(|byte| byte.to_string()).collect();
    let escaped: String = pem.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    for text in [hex.clone(), hex.to_uppercase(), bytes.join(", "), bytes.join(","), decimal.join(", "), escaped] {
        assert!(find(&text).is_some(), "{text}");
    }
}

/// Encodes bytes in Base64, with padding.
fn encode(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

#[test]
fn der_is_found_without_first_lines() {
    let forms: [(&str, &str); 8] = [
        ("PKCS #1", "308204a40201000282010100"),
        ("PKCS #8 RSA", "308204bd020100300d06092a864886f70d0101010500048204a7"),
        ("PKCS #8 EC", "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"),
        ("SEC 1 P-256", "30770201010420"),
        ("SEC 1 P-384", "3081a40201010430"),
        ("Ed25519", "302e020100300506032b657004220420"),
        ("encrypted", "3082051c304e06092a864886f70d01050d3041302906092a864886f70d01050c"),
        ("PKCS #12", "30820a6102010330820a2706092a864886f70d010701a0820a18"),
    ];
    for (form, hex) in forms {
        let mut der = decode_hex_at(hex.as_bytes(), 0, 99);
        der.extend((0..200_u32).map(|n| u8::try_from(n * 89 % 251).expect("a byte")));
        let encoded = encode(&der);
        for text in [format!("key = \"{encoded}\""), format!("\"{}\" +\n  \"{}\"", &encoded[..48], &encoded[48..])] {
            assert_eq!(find(&text), Some("Base64 of DER"), "{form}: {text}");
        }
        let values: Vec<String> = der.iter().map(|byte| format!("0x{byte:02x}")).collect();
        let rows: Vec<String> = values.chunks(12).map(|row| row.join(", ")).collect();
        assert_eq!(find(&format!("{{ {} }}", rows.join(",\n  "))), Some("list of bytes"), "{form}");
        if form != "PKCS #12" && form != "encrypted" {
            let hex: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(find(&format!("key: {hex}")), Some("hexadecimal digits of DER"), "{form}");
        }
    }
}

#[test]
fn other_formats_are_found() {
    let random = BODY[1];
    for text in [
        format!("PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\n{}\n", &random[..44]),
        format!("\"Private-Lines: 14\\n\"\n\"{random}\\n\""),
        format!("[Interface]\nPrivateKey = {}=\nAddress = 10.0.0.1/24\n", &random[..43]),
        format!("wireguard_private_key: \"{}=\"\n", &random[..43]),
        format!("const clientPrivateKey = '{random}';\n"),
        format!("    client-key-data: {random}\n"),
        format!("name\\tprivate_key\\t{random}\\n"),
        format!("private_key&#9;{random}\n"),
        "AGE-SECRET-KEY-1QL3Z7HJY54PW3HYWW5AYYFG7ZQGVC7W3J2ELW8ZMRJ2KG5SFN9AQMCAC8P\n".to_owned(),
        format!("<RSAKeyValue><Modulus>abc</Modulus><D>{random}</D></RSAKeyValue>"),
        format!("&lt;D&gt;{random}&lt;/D&gt;"),
        format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"{}\"}}", &random[..43]),
        format!("untrusted comment: minisign encrypted secret key\nRWRTY0Iy{random}\n"),
        format!("ssh: b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ{random}\n"),
    ] {
        assert!(find(&text).is_some(), "{text}");
    }
}

#[test]
fn public_keys_and_mentions_are_not_blamed() {
    let begin = "-----BEGIN RSA PRIVATE KEY-----";
    let end = "-----END RSA PRIVATE KEY-----";
    let random = BODY[1];
    for text in [
        format!("-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE{random}\n-----END CERTIFICATE-----\n"),
        format!(
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA{random}\n-----END PUBLIC KEY-----\n"
        ),
        format!("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{random} me@host\n"),
        format!("{begin}\n...\n{end}\n"),
        format!("{begin}\n\u{2026}\n{end}\n"),
        format!("{begin}\nMIIEpAIBAAKCAQEA...\n{end}\n"),
        format!("{begin}\nMIIEpAIBAAKCAQEA[...]\n{end}\n"),
        format!("{begin}\n<your key here>\n{end}\n"),
        format!("{begin}\nYOUR PRIVATE KEY HERE\n{end}\n"),
        format!("{begin}\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n{end}\n"),
        format!("{begin}\n{end}\n"),
        format!("-----BEGIN CERTIFICATE-----\n{random}\n{random}\n-----END CERTIFICATE-----\n{begin}\n...\n{end}\n"),
        format!("{begin}\n{end}\n-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE{random}\n{random}\n"),
        format!("{begin}\n\n{{{{ .Values.key }}}}\n\n{end}\n"),
        format!("{begin}\n${{PRIVATE_KEY}}\n{end}\n"),
        format!(
            "const BEGIN: &str = \"{begin}\";\nconst END: &str = \"{end}\";\nfn is_key_material(text: &str) -> bool {{}}\n"
        ),
        format!(
            "if line == \"{begin}\" {{\n    return parsePrivateKeyFromPemEncodedText(line, passwordCallback);\n}}\n"
        ),
        format!(
            "assert.NotContains(t, text, \"{begin}\")\n\nfunc TestInternationalizationOfCertificates(t *testing.T) {{\n"
        ),
        format!("The file starts with `{begin}`; internationalization is another matter.\n"),
        format!("/^{begin}/.test(text) || throwUnsupportedKeyFormatError(text)\n"),
        format!(
            "  SSHPrivateKey: \"{begin}\",\n  BearerToken: \"eyJhbGciOiJIUzI1NiJ9\",\n  TLSClientCertData: \"cert\",\n"
        ),
        "// YOUR PRIVATE KEY IS NEVER SENT --- it stays on the device.\n".to_owned(),
        "BEGIN TRANSACTION; UPDATE a SET b = 1; END;\n".to_owned(),
        "const MAGIC: &str = \"openssh-key-v1\"; const PREFIX: &str = \"b3BlbnNzaC1rZXktdjE\";\n".to_owned(),
        "AGE-SECRET-KEY-1... begins a key\n".to_owned(),
        "PrivateKey = generatePrivateKeyForTheInterfaceOfThisTunnel();\n".to_owned(),
        "privateKeyPath: /etc/ssl/private/some-long-name/of-a-host/server/private/key\n".to_owned(),
        "private_key = load_pem_private_key_from_the_configured_file_or_environment(x)\n".to_owned(),
        format!("{{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"{random}{random}\"}}"),
        "<D>the derivative</D>".to_owned(),
        "Private-Lines: 8\n".to_owned(),
        "static const unsigned char prefix[] = { 0x30, 0x82, 0x04, 0xa4, 0x02, 0x01, 0x00, 0x02 };\n".to_owned(),
        "static const unsigned char dashes[] = { 0x2d, 0x2d, 0x2d, 0x2d, 0x2d };\n".to_owned(),
        "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t".to_owned(),
        "-----BEGIN ".to_owned(),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        "PRIVATE".to_owned(),
    ] {
        assert_eq!(find(&text), None, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        sign in 0..SIGNS.len(),
        at in 0..200_usize,
    ) {
        let mut text = bytes;
        let at = at.min(text.len());
        text.splice(at..at, SIGNS[sign].0.bytes());
        _ = find_private_key(&text);
    }
}
