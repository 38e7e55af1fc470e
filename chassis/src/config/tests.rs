//! What a person sees who has set the wrong variables.

use super::Settings;

#[test]
fn values_are_read_and_defaults_stand_in_for_what_is_absent() {
    let mut settings = Settings::from_pairs([("ORDERS_PORT", " 8080 "), ("EMPTY", "")]);
    assert_eq!(settings.required::<u16>("ORDERS_PORT"), 8080);
    assert_eq!(settings.or("EMPTY", 7), 7);
    assert_eq!(settings.or("ABSENT", 8), 8);
    assert_eq!(settings.optional::<String>("ABSENT"), None);
    assert!(settings.finish(()).is_ok());
}

#[test]
fn every_problem_is_reported_at_once_and_no_value_is_repeated() {
    let mut settings = Settings::from_pairs([("PORT", "s3cret"), ("EMPTY", ""), ("SIZE", "0")]);
    let port: u16 = settings.required("PORT");
    settings.required::<String>("EMPTY");
    assert_eq!(settings.or("SIZE", 5), 0);
    settings.problem("SIZE", "is 0: set it to 1 or more");
    let report = settings.finish(port).unwrap_err();
    assert_eq!(
        report.problems(),
        [
            "PORT: cannot be read (invalid digit found in string): correct it or unset it",
            "EMPTY: is required: set it",
            "SIZE: is 0: set it to 1 or more",
        ]
    );
    assert_eq!(report.to_string().lines().count(), 4);
    assert!(!report.to_string().contains("s3cret"));
}
