//! What is wrong with a configuration is said all at once.

use std::io::Write;

use super::*;

fn key_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn the_key_file_is_the_only_thing_required() {
    let file = key_file(&format!("{}\n", "0f".repeat(32)));
    let pairs = [("PROMOTIONS_CODE_KEY_FILE", file.path().to_str().unwrap())];
    let mut settings = Settings::from_pairs(pairs);
    let config = Config::from_settings(&mut settings);
    let config = settings.finish(config).unwrap();
    assert_eq!(config.campaign.minimum_minor, 1500);
    assert_eq!(config.campaign.value_minor, 500);
    assert_eq!(config.campaign.valid_days, 30);
    assert_eq!(config.campaign.currency, "EUR");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8082");
    assert_eq!(config.database.path(), Path::new("var/promotions.db"));
}

#[test]
fn every_problem_is_reported_together_and_no_value_is_repeated() {
    let file = key_file("a key that is none");
    let mut settings = Settings::from_pairs([
        ("PROMOTIONS_CODE_KEY_FILE", file.path().to_str().unwrap()),
        ("PROMOTIONS_DATABASE_URL", "postgres://secret@elsewhere"),
        ("PROMOTIONS_LISTEN", "everywhere"),
        ("SCHEMA_REGISTRY_URL", "everywhere:8081"),
        ("SCHEMA_REGISTRY_CA_FILE", "/nowhere.pem"),
        ("PROMOTIONS_CAMPAIGN_MINIMUM_MINOR", "-1"),
        ("PROMOTIONS_CAMPAIGN_VALUE_MINOR", "0"),
        ("PROMOTIONS_CAMPAIGN_VOUCHER_MINIMUM_MINOR", "-1"),
        ("PROMOTIONS_CAMPAIGN_VALID_DAYS", "0"),
        ("PROMOTIONS_CAMPAIGN_CURRENCY", "Euro"),
    ]);
    let config = Config::from_settings(&mut settings);
    let error = settings.finish(config).unwrap_err();
    assert_eq!(error.problems().len(), 10, "{error}");
    for hidden in ["secret", "everywhere", "a key that is none"] {
        assert!(!error.to_string().contains(hidden), "{error}");
    }
}

#[test]
fn a_missing_or_unreadable_key_is_refused() {
    for pairs in [vec![], vec![("PROMOTIONS_CODE_KEY_FILE", "/no/such/file")]] {
        let mut settings = Settings::from_pairs(pairs);
        let config = Config::from_settings(&mut settings);
        let error = settings.finish(config).unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        assert!(error.problems()[0].starts_with("PROMOTIONS_CODE_KEY_FILE: "));
    }
}

#[test]
fn the_smallest_sensible_campaign_is_accepted() {
    let mut settings = Settings::from_pairs([
        ("PROMOTIONS_CAMPAIGN_MINIMUM_MINOR", "0"),
        ("PROMOTIONS_CAMPAIGN_VALUE_MINOR", "1"),
        ("PROMOTIONS_CAMPAIGN_VOUCHER_MINIMUM_MINOR", "0"),
        ("PROMOTIONS_CAMPAIGN_VALID_DAYS", "1"),
    ]);
    let campaign = campaign(&mut settings);
    assert_eq!(settings.finish(campaign).unwrap().valid_days, 1);
}
