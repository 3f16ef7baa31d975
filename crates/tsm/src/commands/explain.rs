//! `tsm explain`: what happened, who answers for it, what is pending, and what to do next.
//!
//! Everything is told from the audit logs and the records. Card numbers and names of people are
//! shortened unless they are asked for in full.

mod words;

use anyhow::{Context as _, bail};
use serde::Serialize;
use tsm_core::identity::Iccid;
use tsm_proto::{mno, sp};

use crate::cli::{ExplainArgs, LogOf};
use crate::client::Servers;
use crate::commands::audit::entries;
use crate::commands::tenant::moment;
use crate::output::Output;
use words::Words;

/// What is told.
#[derive(Debug, Default, Serialize)]
struct Story {
    about: String,
    happened: Vec<Told>,
    now: Vec<String>,
    /// Who has to do something; nobody when nothing is pending.
    turn: Option<String>,
    next: Vec<String>,
}

/// One step.
#[derive(Debug, Serialize)]
struct Told {
    /// To sort by: seconds and nanoseconds.
    #[serde(skip)]
    moment: (i64, i32),
    at: String,
    asked_by: String,
    responsible: String,
    action: String,
    outcome: String,
}

/// `tsm explain`.
///
/// # Errors
/// When nothing of this name is known, or a server does not answer.
pub async fn explain(servers: &Servers, args: &ExplainArgs, output: Output) -> anyhow::Result<()> {
    let mut teller = Teller {
        servers,
        words: Words::of(args.lang),
        unmasked: args.unmasked,
        story: Story::default(),
    };
    match args.what.split_once('/') {
        Some((iccid, service)) => teller.deployment(iccid, service).await?,
        None if Iccid::new(&args.what).is_ok() => teller.card(&args.what).await?,
        None => teller.of_provider(&args.what).await?,
    }
    let words = teller.words;
    output.print(&teller.story, |story| text(story, words))
}

struct Teller<'a> {
    servers: &'a Servers,
    words: &'static Words,
    unmasked: bool,
    story: Story,
}

impl Teller<'_> {
    async fn card(&mut self, iccid: &str) -> anyhow::Result<()> {
        let request = mno::GetUiccRequest {
            iccid: iccid.to_owned(),
        };
        let uicc = self.servers.uiccs()?.get_uicc(request).await?.into_inner();
        self.story.about = format!("{} {}", self.words.card, self.shown(iccid));
        let held = format!("{} {}", self.words.held_by, uicc.tenant);
        self.story.now.push(held);
        let reach = match uicc.attached {
            true => self.words.reachable,
            false => self.words.unreachable,
        };
        self.story.now.push(reach.to_owned());
        if uicc.in_doubt {
            self.story.now.push(self.words.in_doubt.to_owned());
            self.turn(self.words.operator, self.words.wait_for_card);
        }
        let steps = self
            .tell(LogOf::Carrier, &format!("card/{iccid}"), |_| true)
            .await?;
        let mut services: Vec<&str> = steps.iter().filter_map(|step| service_of(step)).collect();
        services.sort_unstable();
        services.dedup();
        for service in services {
            self.service(iccid, service).await?;
        }
        Ok(())
    }

    async fn deployment(&mut self, iccid: &str, service: &str) -> anyhow::Result<()> {
        self.service(iccid, service)
            .await
            .context("the deployment cannot be told of")?;
        let card = self.shown(iccid);
        self.story.about = format!("{service}, {} {card}", self.words.card);
        let about = |step: &str| {
            let mut parts = step.split("; ").map(|part| part.split(' ').next());
            service_of(step) == Some(service)
                || step.starts_with("read")
                || parts.any(|first| first == Some(service))
        };
        self.tell(LogOf::Carrier, &format!("card/{iccid}"), about)
            .await?;
        Ok(())
    }

    /// Where a service stands on a card.
    async fn service(&mut self, iccid: &str, service: &str) -> anyhow::Result<()> {
        let request = mno::GetDeploymentRequest {
            iccid: iccid.to_owned(),
            service: service.to_owned(),
        };
        let found = self
            .servers
            .deployments()?
            .get_deployment(request)
            .await?
            .into_inner();
        let words = self.words;
        let (desired, observed) = (words.state(found.desired()), words.state(found.observed()));
        self.story
            .now
            .push(words.stands(service, desired, observed));
        if !found.problem.is_empty() {
            self.story
                .now
                .push(format!("{}: {}", words.problem, found.problem));
            let (who, what) = words.remedy(&found.problem);
            self.turn(who, what);
        } else if !found.converged {
            self.turn(words.operator, words.wait_for_card);
        }
        Ok(())
    }

    /// A credential or an application.
    async fn of_provider(&mut self, id: &str) -> anyhow::Result<()> {
        let request = sp::GetCredentialRequest { id: id.to_owned() };
        let credential = self
            .servers
            .all_credentials()?
            .get_credential(request)
            .await;
        match credential {
            Ok(found) => self.credential(found.into_inner()).await,
            Err(status) if status.code() == tonic::Code::NotFound => self.application(id).await,
            Err(status) if status.code() == tonic::Code::InvalidArgument => {
                self.application(id).await
            }
            Err(status) => Err(status.into()),
        }
    }

    async fn credential(&mut self, credential: sp::Credential) -> anyhow::Result<()> {
        let words = self.words;
        self.story.about = format!("{} {}", words.credential, credential.id);
        let state = credential.state().as_str_name();
        let state = words.credential_state(state.trim_start_matches("CREDENTIAL_STATE_"));
        self.story.now.push(state.to_owned());
        self.story
            .now
            .push(format!("{} {}", words.card, self.shown(&credential.iccid)));
        if credential.card_agrees {
            self.story.now.push(words.card_agrees.to_owned());
        } else {
            self.turn(words.provider, words.wait_for_card);
        }
        let subject = format!("credential/{}", credential.id);
        self.tell(LogOf::Provider, &subject, |_| true).await?;
        if let Some(application) = self.application_of(&credential.id).await? {
            self.tell(
                LogOf::Provider,
                &format!("application/{application}"),
                |_| true,
            )
            .await?;
        }
        self.story.happened.sort_by_key(|told| told.moment);
        Ok(())
    }

    async fn application(&mut self, id: &str) -> anyhow::Result<()> {
        let request = sp::GetApplicationRequest { id: id.to_owned() };
        let found = self
            .servers
            .all_applications()?
            .get_application(request)
            .await;
        let found = match found {
            Ok(found) => found.into_inner(),
            Err(status) if status.code() == tonic::Code::NotFound => {
                bail!("{id:?} is no card, deployment, credential or application that is known")
            }
            Err(status) => return Err(status.into()),
        };
        let words = self.words;
        self.story.about = format!("{} {}", words.application, found.id);
        let state = found
            .state()
            .as_str_name()
            .trim_start_matches("APPLICATION_STATE_");
        self.story
            .now
            .push(format!("{}: {state}", words.application));
        self.story
            .now
            .push(format!("{} {}", words.card, self.shown(&found.iccid)));
        match found.state() {
            sp::ApplicationState::Refused => {
                self.story
                    .now
                    .push(format!("{}: {}", words.problem, found.refusal));
                let (who, what) = words.remedy(&found.refusal);
                self.turn(who, what);
            }
            sp::ApplicationState::Active => {}
            _ => self.turn(words.user, words.provision),
        }
        self.tell(LogOf::Provider, &format!("application/{id}"), |_| true)
            .await?;
        if !found.credential_id.is_empty() {
            let subject = format!("credential/{}", found.credential_id);
            self.tell(LogOf::Provider, &subject, |_| true).await?;
        }
        Ok(())
    }

    /// The application from which a credential came.
    async fn application_of(&self, credential: &str) -> anyhow::Result<Option<String>> {
        let mut client = self.servers.all_applications()?;
        let mut page_token = String::new();
        loop {
            let request = sp::ListApplicationsRequest {
                page_size: 500,
                page_token,
            };
            let page = client.list_applications(request).await?.into_inner();
            let mut found = page.applications.into_iter();
            if let Some(found) = found.find(|found| found.credential_id == credential) {
                return Ok(Some(found.id));
            }
            if page.next_page_token.is_empty() {
                return Ok(None);
            }
            page_token = page.next_page_token;
        }
    }

    /// Adds the steps of exactly this subject; returns what was done in each.
    async fn tell(
        &mut self,
        of: LogOf,
        subject: &str,
        is_told: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Vec<String>> {
        let mut actions = Vec::new();
        for entry in entries(self.servers, of, Some(subject)).await? {
            if entry.subject != subject || !is_told(&entry.action) {
                continue;
            }
            let person = match (self.unmasked, entry.person.as_str()) {
                (_, "") => String::new(),
                (true, person) => format!(" ({person})"),
                (false, person) => format!(" ({})", initial(person)),
            };
            let party = self.words.party(&entry.party);
            let responsible = match entry.responsible.as_str() {
                "" => party.to_owned(),
                tenant => format!("{party} ({tenant})"),
            };
            self.story.happened.push(Told {
                moment: entry.at.map_or((0, 0), |at| (at.seconds, at.nanos)),
                at: entry.at.map(moment).unwrap_or_default(),
                asked_by: format!("{}{person}", entry.actor),
                responsible,
                action: self.words.action(&entry.action),
                outcome: self.words.outcome(&entry.outcome),
            });
            actions.push(entry.action);
        }
        Ok(actions)
    }

    fn turn(&mut self, who: &str, what: &str) {
        self.story.turn.get_or_insert_with(|| who.to_owned());
        if !self.story.next.iter().any(|known| known == what) {
            self.story.next.push(what.to_owned());
        }
    }

    fn shown(&self, iccid: &str) -> String {
        if self.unmasked {
            return iccid.to_owned();
        }
        let tail = iccid.get(iccid.len().saturating_sub(4)..).unwrap_or("");
        format!("…{tail}")
    }
}

/// `jpki`, of `desire jpki installed`.
fn service_of(action: &str) -> Option<&str> {
    action.strip_prefix("desire ")?.split(' ').next()
}

/// First letter of a name.
fn initial(person: &str) -> String {
    let first = person.chars().next();
    first.map_or_else(String::new, |first| format!("{first}."))
}

fn text(story: &Story, words: &Words) -> String {
    let mut text = format!("{}\n\n{}\n", story.about, words.happened);
    for told in &story.happened {
        text.push_str(&words.step(
            &told.at,
            &told.asked_by,
            &told.action,
            &told.outcome,
            &told.responsible,
        ));
    }
    text.push_str(&format!("\n{}\n", words.now));
    for line in &story.now {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str(&format!("\n{}\n", words.next));
    match &story.turn {
        None => text.push_str(&format!("  {}\n", words.nothing_pending)),
        Some(who) => text.push_str(&format!("  {}: {who}\n", words.turn)),
    }
    for line in &story.next {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Language;

    #[test]
    fn a_name_is_shortened_to_its_initial() {
        assert_eq!(initial("Taro Yamada"), "T.");
        assert_eq!(initial("山田 太郎"), "山.");
        assert_eq!(initial(""), "");
    }

    #[test]
    fn knows_which_service_a_request_was_about() {
        assert_eq!(service_of("desire jpki installed"), Some("jpki"));
        assert_eq!(service_of("read"), None);
    }

    #[test]
    fn tells_the_same_story_in_both_languages() {
        let told = |lang| {
            let words = Words::of(lang);
            let story = Story {
                about: words.card.to_owned(),
                happened: vec![Told {
                    moment: (0, 0),
                    at: "2026-11-24T04:00:00Z".to_owned(),
                    asked_by: "carrier".to_owned(),
                    responsible: words.party("carrier").to_owned(),
                    action: words.action("read"),
                    outcome: words.outcome("CARD_REFUSED"),
                }],
                ..Story::default()
            };
            text(&story, words)
        };
        let (en, ja) = (told(Language::En), told(Language::Ja));
        assert_eq!(en.lines().count(), ja.lines().count());
        assert!(en.contains("the card was read"), "{en}");
        assert!(ja.contains("カードを読み取り"), "{ja}");
        assert!(en.contains("CARD_REFUSED") && ja.contains("CARD_REFUSED"));
    }
}
