//! The 30 features: their names, spellings, codes and what the codes mean.
//!
//! Names, order and codes are those of UCI's ARFF file; the meanings follow "Phishing Websites Features"
//! (Mohammad, Thabtah, McCluskey, 2015), which describes how the rows were coded. Where the file has no
//! row with a code that the paper describes, the code is not among [`Feature::codes`].

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::record::Digest;
use crate::{Code, CodeSet};

/// How many features a row has.
pub const FEATURE_COUNT: usize = 30;

/// The label's column in the UCI files: 1 = legitimate, −1 = phishing.
pub const LABEL_COLUMN: &str = "Result";

/// One of the 30 features.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature(u8);

/// What one has to look at to observe a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObservedAt {
    /// The text of the URL.
    Url,
    /// The page and what it loads.
    Page,
    /// The TLS certificate.
    Tls,
    /// The name's DNS records and the host that they lead to.
    Dns,
    /// The domain's WHOIS record.
    Whois,
    /// A search engine's index, a traffic or link rank, a block list.
    Rank,
}

struct Row {
    name: &'static str,
    /// Spellings that differ by more than case and punctuation.
    aliases: &'static [&'static str],
    observed_at: ObservedAt,
    /// What −1, 0 and 1 say of the site; empty where the data has no such code.
    meanings: [&'static str; 3],
}

const fn row(
    name: &'static str,
    aliases: &'static [&'static str],
    observed_at: ObservedAt,
    meanings: [&'static str; 3],
) -> Row {
    Row { name, aliases, observed_at, meanings }
}

use ObservedAt::{Dns, Page, Rank, Tls, Url, Whois};

#[rustfmt::skip]
static ROWS: [Row; FEATURE_COUNT] = [
    row("having_IP_Address", &["having_IPhaving_IP_Address", "UsingIP"], Url,
        ["the host is an IP address", "", "the host is a name"]),
    row("URL_Length", &["URLURL_Length", "LongURL"], Url,
        ["the URL is longer than 75 characters", "the URL has 54 to 75 characters", "the URL is shorter than 54 characters"]),
    row("Shortining_Service", &["Shortening_Service", "ShortURL"], Url,
        ["a URL shortener is used", "", "no URL shortener is used"]),
    row("having_At_Symbol", &["Symbol@"], Url,
        ["the URL contains an @", "", "the URL contains no @"]),
    row("double_slash_redirecting", &["Redirecting//"], Url,
        ["the URL redirects by a // in its path", "", "no // stands in the URL's path"]),
    row("Prefix_Suffix", &["PrefixSuffix-"], Url,
        ["the domain name contains a hyphen", "", "the domain name contains no hyphen"]),
    row("having_Sub_Domain", &["SubDomains"], Url,
        ["the host has several subdomains", "the host has one subdomain", "the host has no subdomain"]),
    row("SSLfinal_State", &["HTTPS"], Tls,
        ["no HTTPS, or a certificate younger than a year", "the certificate's issuer is not trusted", "a trusted certificate, a year old or older"]),
    row("Domain_registeration_length", &["Domain_registration_length", "DomainRegLen"], Whois,
        ["the domain expires within a year", "", "the domain is registered for more than a year"]),
    row("Favicon", &[], Page,
        ["the favicon comes from another domain", "", "the favicon comes from the same domain"]),
    row("port", &["port_no", "NonStdPort"], Dns,
        ["ports are open that a web site does not need", "", "only the expected ports are open"]),
    row("HTTPS_token", &["HTTPSDomainURL"], Url,
        ["the word https stands in the domain name", "", "the word https is not in the domain name"]),
    row("Request_URL", &[], Page,
        ["many images and media come from other domains", "", "few images and media come from other domains"]),
    row("URL_of_Anchor", &["AnchorURL"], Page,
        ["over 67 % of the links lead elsewhere or nowhere", "31 to 67 % of the links lead elsewhere or nowhere", "under 31 % of the links lead elsewhere or nowhere"]),
    row("Links_in_tags", &["LinksInScriptTags"], Page,
        ["over 81 % of meta, script and link tags point elsewhere", "17 to 81 % of meta, script and link tags point elsewhere", "under 17 % of meta, script and link tags point elsewhere"]),
    row("SFH", &["ServerFormHandler"], Page,
        ["forms are sent to an empty or blank address", "forms are sent to another domain", "forms are sent to the same domain"]),
    row("Submitting_to_email", &["InfoEmail"], Page,
        ["forms are sent by e-mail", "", "no form is sent by e-mail"]),
    row("Abnormal_URL", &[], Whois,
        ["the host name does not match the WHOIS record", "", "the host name matches the WHOIS record"]),
    row("Redirect", &["WebsiteForwarding"], Page,
        ["", "the page redirects once at most", "the page redirects more than once"]),
    row("on_mouseover", &["StatusBarCust"], Page,
        ["scripts change the status bar", "", "the status bar is left alone"]),
    row("RightClick", &["DisableRightClick"], Page,
        ["the right mouse button is disabled", "", "the right mouse button works"]),
    row("popUpWidnow", &["popUpWindow", "UsingPopupWindow"], Page,
        ["a pop-up window asks for input", "", "no pop-up window asks for input"]),
    row("Iframe", &["IframeRedirection"], Page,
        ["the page hides an iframe", "", "the page hides no iframe"]),
    row("age_of_domain", &["AgeofDomain"], Whois,
        ["the domain is younger than six months", "", "the domain is six months old or older"]),
    row("DNSRecord", &["DNSRecording"], Dns,
        ["the domain has no DNS record", "", "the domain has a DNS record"]),
    row("web_traffic", &["WebsiteTraffic"], Rank,
        ["the site has no traffic rank", "the site ranks below the first 100,000", "the site ranks among the first 100,000"]),
    row("Page_Rank", &[], Rank,
        ["the page rank is below 0.2", "", "the page rank is 0.2 or more"]),
    row("Google_Index", &[], Rank,
        ["the page is not in Google's index", "", "the page is in Google's index"]),
    row("Links_pointing_to_page", &["LinksPointingToPage"], Rank,
        ["no link points to the page", "one or two links point to the page", "more than two links point to the page"]),
    row("Statistical_report", &["StatsReport"], Rank,
        ["the host is in a report of top phishing hosts", "", "the host is in no report of top phishing hosts"]),
];

impl Feature {
    /// All 30, in the order of the UCI header.
    pub const ALL: [Feature; FEATURE_COUNT] = {
        let mut all = [Feature(0); FEATURE_COUNT];
        let mut i = 0;
        while i < FEATURE_COUNT {
            all[i] = Feature(i as u8);
            i += 1;
        }
        all
    };

    /// The feature at this place of the UCI header, 0 to 29.
    #[must_use]
    pub const fn from_index(index: usize) -> Option<Feature> {
        if index < FEATURE_COUNT { Some(Feature(index as u8)) } else { None }
    }

    /// Its place in the UCI header, 0 to 29.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its name in the UCI header, misspellings included: `Shortining_Service`, `popUpWidnow`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Other spellings found in public copies of the data, those that differ by case and punctuation
    /// alone left out.
    #[must_use]
    pub fn aliases(self) -> &'static [&'static str] {
        self.row().aliases
    }

    /// The codes that the UCI data has in this column.
    #[must_use]
    pub fn codes(self) -> CodeSet {
        Code::VALUES
            .into_iter()
            .filter(|code| self.meaning(*code).is_some())
            .fold(CodeSet::EMPTY, CodeSet::with)
    }

    /// What this code says of the site, in words; `None` for a missing value and for a code that the
    /// UCI data never has here.
    #[must_use]
    pub fn meaning(self, code: Code) -> Option<&'static str> {
        let meaning = *self.row().meanings.get(code as usize)?;
        (!meaning.is_empty()).then_some(meaning)
    }

    /// What one has to look at to observe it.
    #[must_use]
    pub fn observed_at(self) -> ObservedAt {
        self.row().observed_at
    }

    fn row(self) -> &'static Row {
        &ROWS[self.index()]
    }
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl ObservedAt {
    /// `URL`, `page`, `TLS`, `DNS`, `WHOIS` or `rank`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Url => "URL",
            Page => "page",
            Tls => "TLS",
            Dns => "DNS",
            Whois => "WHOIS",
            Rank => "rank",
        }
    }
}

impl fmt::Display for ObservedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The SHA-256 that names this schema: the features' names in order, each with its codes. A model
/// carries it, and rows coded by another schema are not for that model.
#[must_use]
pub fn fingerprint() -> Digest {
    let mut hash = Sha256::new_with_prefix(b"lurelight/schema/1");
    for feature in Feature::ALL {
        hash.update(format!("\n{feature}: {}", feature.codes()));
    }
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_uci_header() {
        assert_eq!(Feature::ALL[0].name(), "having_IP_Address");
        assert_eq!(Feature::ALL[29].name(), "Statistical_report");
        assert_eq!(Feature::from_index(30), None);
        // The counts of binary and ternary attributes in UCI's ARFF declaration.
        let ternary = Feature::ALL.iter().filter(|f| f.codes().iter().count() == 3).count();
        assert_eq!(ternary, 8);
        let redirect = Feature::ALL[18];
        assert_eq!(redirect.codes(), CodeSet::of(&[Code::Zero, Code::Plus]));
    }

    #[test]
    fn the_fingerprint_never_changes_unnoticed() {
        assert_eq!(
            fingerprint().to_string(),
            "c2712bc08c12cfed76fca21eb929334580f36555500322773e1d59a8df43789d"
        );
    }
}
