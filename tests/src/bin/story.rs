//! `story`: takes one order through the running stack and tells what came of it. It is what
//! `make up` ends with and what `make order` does.

use std::process::ExitCode;

use system_tests::{addresses::Addresses, story};

#[tokio::main]
async fn main() -> ExitCode {
    let taken = async { story::take(&Addresses::of_environment()?).await };
    match taken.await {
        Ok(story) => {
            print!("{story}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("The order did not go all the way: {error:#}.");
            println!("deploy/local status shows what runs and where each log is.");
            ExitCode::FAILURE
        }
    }
}
