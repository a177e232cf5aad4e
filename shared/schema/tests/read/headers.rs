//! Header lines found in public copies of the data and in programs built on it, and what each becomes.

use lurelight_schema::Feature;
use lurelight_schema::read::{Format, LabelUse, ReadError, Role, WarningKind};

use super::{ROWS, header, names, read, read_csv, refusal};

const KAGGLE: &str = "Index,UsingIP,LongURL,ShortURL,Symbol@,Redirecting//,PrefixSuffix-,SubDomains,HTTPS,\
    DomainRegLen,Favicon,NonStdPort,HTTPSDomainURL,RequestURL,AnchorURL,LinksInScriptTags,ServerFormHandler,\
    InfoEmail,AbnormalURL,WebsiteForwarding,StatusBarCust,DisableRightClick,UsingPopupWindow,\
    IframeRedirection,AgeofDomain,DNSRecording,WebsiteTraffic,PageRank,GoogleIndex,LinksPointingToPage,\
    StatsReport,class";

/// The beginning of Tan's 48 features (2018), of which two are spelled as two of ours.
const TAN: &str = "id,NumDots,SubdomainLevel,PathLevel,UrlLength,NumDash,NumDashInHostname,AtSymbol,\
    TildeSymbol,NumUnderscore,AbnormalFormAction,PopUpWindow,SubmitInfoToEmail,IframeOrFrame,CLASS_LABEL";

fn roles(header: &str) -> Vec<Role> {
    let columns = header.split(',').count();
    let row = format!("{}1", "1,".repeat(columns - 1));
    read_csv(&format!("{header}\n{row}\n")).columns.iter().map(|column| column.role).collect()
}

#[test]
fn every_spelling_is_understood() {
    let uci = header();
    let indexed = |index: &str| format!("{index},{uci}");
    let variants = [
        uci.clone(),
        uci.to_uppercase(),
        uci.to_lowercase(),
        uci.replace(',', ", "),
        uci.replace(',', " ,"),
        uci.replace("having_IP_Address", "having_IPhaving_IP_Address").replace("URL_Length", "URLURL_Length"),
        uci.replace("Shortining", "Shortening").replace("registeration", "registration"),
        uci.replace("having_At_Symbol", "having_At_symbol").replace("popUpWidnow", "popUpWindow"),
        uci.replace(",port,", ",port_no,"),
        uci.replace(",port,", ",Port,").replace("Favicon", " Favicon"),
        uci.replace("DNSRecord", "DNSRecord ").replace("URL_Length", "URL_Length "),
        uci.replace("Result", "class"),
        uci.replace("Result", "CLASS"),
        indexed(""),
        indexed("index"),
        indexed("_id"),
        indexed("Unnamed: 0"),
        KAGGLE.to_owned(),
    ];
    for variant in variants {
        let carried = variant.split(',').count() - 31;
        let mut expected = vec![Role::Carried; carried];
        expected.extend(Feature::ALL.map(Role::Feature));
        expected.push(Role::Label);
        assert_eq!(roles(&variant), expected, "{variant}");
    }
}

#[test]
fn an_old_prediction_is_known_and_never_a_label() {
    let names = names().join(",");
    let ours = roles(&format!(",{names},label,probability,predicted_column"));
    assert_eq!(ours[31..], [Role::PreviousPrediction; 3]);
    assert_eq!(ours[0], Role::Carried);
    let seed = roles(&format!("{names},predicted_column"));
    assert_eq!(seed[30], Role::PreviousPrediction);
    // Somebody's own column of that name stays, and so does any without the old name behind it.
    let both = roles(&format!("label,{names},label,probability,predicted_column"));
    assert_eq!(both[0], Role::Carried);
    assert_eq!(both[31..], [Role::PreviousPrediction; 3]);
    assert_eq!(roles(&format!("{names},label,probability,prediction"))[30..], [Role::Carried; 3]);
}

#[test]
fn columns_keep_their_order_and_spelling() {
    let text = format!("_id, {},note\na,{},b\n", header(), ROWS[0]);
    let whole = read_csv(&text);
    assert_eq!(whole.columns[0].name, "_id");
    assert_eq!(whole.columns[1].name, " having_IP_Address");
    assert_eq!(whole.columns[32].name, "note");
    assert_eq!(whole.rows[0].cells.join(","), format!("a,{},b", ROWS[0]));
}

#[test]
fn one_absent_column_is_missing_everywhere_and_named() {
    for at in 0..30 {
        let without = |line: &str| {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells.remove(at);
            cells.join(",")
        };
        let text = format!("{}\n{}\n{}\n", without(&header()), without(ROWS[0]), without(ROWS[1]));
        let whole = read_csv(&text);
        let missing = |row: &super::Owned| row.vector.missing_count();
        assert_eq!(whole.rows.iter().map(missing).collect::<Vec<_>>(), [1, 1]);
        let warning = &whole.report.warnings[0];
        assert_eq!(warning.kind, WarningKind::AbsentColumn);
        assert_eq!(warning.column.as_deref(), Some(names()[at]));
        assert_eq!((warning.count, warning.first_line), (2, 1));
        assert!(!warning.message.contains("nearest"), "{}", warning.message);
    }
}

#[test]
fn a_mistyped_column_is_absent_and_its_spelling_is_shown() {
    let header = KAGGLE.replace("IframeRedirection", "IframeRedirectio");
    let text = format!("{header}\n1,{}\n", ROWS[0]);
    let whole = read_csv(&text);
    assert_eq!(
        whole.report.warnings[0].message,
        "column Iframe is not in the input, so it is missing in every row; the nearest header is `IframeRedirectio`"
    );
    assert_eq!(whole.columns[23].role, Role::Carried);
}

#[test]
fn two_absent_columns_are_an_error_that_lists_them() {
    let text = header().replace("popUpWidnow", "popUpWin").replace(",SFH,", ",zzz,") + "\n" + ROWS[0];
    assert_eq!(
        refusal(text.as_bytes(), Format::Csv),
        "2 of the 30 feature columns are not in the input: SFH, popUpWidnow (the nearest header is `popUpWin`)"
    );
}

#[test]
fn another_data_set_is_refused_not_guessed() {
    let row = format!("{}1", "1,".repeat(14));
    let error = read(&format!("{TAN}\n{row}\n"), Format::Csv, LabelUse::Optional).unwrap_err();
    let ReadError::Absent { absent } = &error else { panic!("{error}") };
    assert_eq!(absent.len(), 28);
    let nearest = absent.iter().find(|column| column.feature.name() == "having_At_Symbol").unwrap();
    assert_eq!(nearest.nearest.as_deref(), Some("AtSymbol"));
    // UCI 379: nine of the thirty.
    let nine = "SFH,popUpWidnow,SSLfinal_State,Request_URL,URL_of_Anchor,web_traffic,URL_Length,age_of_domain,\
        having_IP_Address,Result\n1,1,1,1,1,1,1,1,1,0\n";
    assert!(
        refusal(nine.as_bytes(), Format::Csv)
            .starts_with("21 of the 30 feature columns are not in the input")
    );
}

#[test]
fn a_column_twice_is_an_error_that_names_both() {
    let table = [
        ("Favicon", "Favicon stands in two columns, column 10 (`Favicon`) and column 32 (`Favicon`)"),
        ("PORT", "port stands in two columns, column 11 (`port`) and column 32 (`PORT`)"),
        (
            "popUpWindow",
            "popUpWidnow stands in two columns, column 22 (`popUpWidnow`) and column 32 (`popUpWindow`)",
        ),
        ("class", "Result stands in two columns, column 31 (`Result`) and column 32 (`class`)"),
    ];
    for (twice, expected) in table {
        let text = format!("{},{twice}\n{},1\n", header(), ROWS[0]);
        assert_eq!(refusal(text.as_bytes(), Format::Csv), format!("{expected}: remove one of them"));
    }
    // Carried columns may repeat.
    let text = format!("a,a,,,{}\n1,2,3,4,{}\n", header(), ROWS[0]);
    assert_eq!(read_csv(&text).rows[0].cells[..4], ["1", "2", "3", "4"]);
}

#[test]
fn other_separators_and_absent_headers_are_told() {
    for (separator, name) in [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")] {
        for text in [
            super::file(&ROWS),
            super::file(&ROWS).replace("having", "\"having").replace("_Address", "_Address\""),
        ] {
            let message = refusal(text.replace(',', separator).as_bytes(), Format::Csv);
            assert!(
                message.starts_with(&format!("the header's columns are separated by {name}")),
                "{message}"
            );
        }
    }
    let message = refusal(b"sep=;\r\na;b\r\n", Format::Csv);
    assert!(message.starts_with("the header's columns are separated by semicolons"), "{message}");
    let message = refusal(ROWS.join("\n").as_bytes(), Format::Csv);
    assert!(message.starts_with("line 1 has values, not names"), "{message}");
}
