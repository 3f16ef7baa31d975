//! The words of `tsm explain`, in English and Japanese.

use tsm_proto::mno::ServiceState;

use crate::cli::Language;

/// Everything that is said in one language.
pub(super) struct Words {
    language: Language,
    pub(super) happened: &'static str,
    pub(super) now: &'static str,
    pub(super) next: &'static str,
    pub(super) turn: &'static str,
    pub(super) nothing_pending: &'static str,
    pub(super) card: &'static str,
    pub(super) credential: &'static str,
    pub(super) application: &'static str,
    pub(super) held_by: &'static str,
    pub(super) reachable: &'static str,
    pub(super) unreachable: &'static str,
    pub(super) in_doubt: &'static str,
    pub(super) problem: &'static str,
    pub(super) card_agrees: &'static str,
    pub(super) operator: &'static str,
    pub(super) provider: &'static str,
    pub(super) user: &'static str,
    pub(super) wait_for_card: &'static str,
    pub(super) provision: &'static str,
}

static EN: Words = Words {
    language: Language::En,
    happened: "What happened",
    now: "Where it stands",
    next: "What to do next",
    turn: "It is the turn of",
    nothing_pending: "nothing is pending",
    card: "card",
    credential: "credential",
    application: "application",
    held_by: "the card is held by a subscriber of",
    reachable: "a phone holds the card now",
    unreachable: "no phone holds the card now",
    in_doubt: "a script was sent whose outcome is not known yet",
    problem: "problem",
    card_agrees: "the card was read back and agrees with the server",
    operator: "the operator of the card",
    provider: "the service provider",
    user: "the user",
    wait_for_card: "bring the card's phone in reach; the server goes on by itself then",
    provision: "go on with the provisioning: `tsm provision APPLICATION --pin-file FILE`",
};

static JA: Words = Words {
    language: Language::Ja,
    happened: "これまでの経過",
    now: "現在の状態",
    next: "次にすること",
    turn: "対応する人",
    nothing_pending: "未処理の作業はありません",
    card: "カード",
    credential: "証明書",
    application: "申請",
    held_by: "カードの契約先:",
    reachable: "カードは端末に接続中です",
    unreachable: "カードは現在どの端末にも接続されていません",
    in_doubt: "送信済みの処理の結果がまだ確認できていません",
    problem: "問題",
    card_agrees: "カードを読み戻し、サーバと一致していることを確認済みです",
    operator: "カードの通信事業者",
    provider: "サービス提供者",
    user: "利用者",
    wait_for_card: "カードの入った端末を通信可能にしてください。サーバが自動的に続行します",
    provision: "書込みを続けてください: `tsm provision APPLICATION --pin-file FILE`",
};

/// Actions of the audit log, and what they mean in both languages.
const ACTIONS: &[(&str, &str, &str)] = &[
    (
        "register card of ",
        "the card was registered for ",
        "カードを登録: ",
    ),
    (
        "read after ",
        "the card was read after this was sent: ",
        "送信後にカードを読み取り: ",
    ),
    ("read", "the card was read", "カードを読み取り"),
    (
        "give up",
        "what the card refused was given up",
        "カードが拒否した作業を中止",
    ),
    ("desire ", "it was asked for: ", "依頼: "),
    ("accept", "the application was accepted", "申請を受付"),
    (
        "eligibility",
        "the card was checked for the service",
        "カードの適格性を確認",
    ),
    (
        "deploy",
        "the applet was put on the card",
        "アプレットをカードに搭載",
    ),
    (
        "issue",
        "key pair and certificate were made",
        "鍵ペアと証明書を発行",
    ),
    (
        "personalise",
        "key and certificate were written, and the card proved that it has the key",
        "鍵と証明書を書込み、カードが鍵の所持を証明",
    ),
    (
        "commit",
        "the new key became the one that is used",
        "新しい鍵を有効化",
    ),
    (
        "activate",
        "the applet was made usable",
        "アプレットを利用可能化",
    ),
    ("cancel", "the application was withdrawn", "申請を取下げ"),
    (
        "suspend",
        "the credential was suspended",
        "証明書を一時停止",
    ),
    (
        "resume",
        "the credential was resumed",
        "証明書の一時停止を解除",
    ),
    ("revoke", "the credential was revoked", "証明書を失効"),
    (
        "delete",
        "the credential was revoked and is to leave the card",
        "証明書を失効し、カードから削除",
    ),
    (
        "key-set-aside",
        "a key pair was set aside",
        "鍵ペアを割当て",
    ),
    ("write-begun", "writing began", "書込みを開始"),
    (
        "card-wiped",
        "the key on the card was wiped",
        "カードの鍵を消去",
    ),
    (
        "card-locked",
        "the applet on the card was locked",
        "カードのアプレットを停止",
    ),
    (
        "card-unlocked",
        "the applet on the card was unlocked",
        "カードのアプレットの停止を解除",
    ),
    (
        "card-cleared",
        "everything was removed from the card",
        "カードから全て削除",
    ),
];

/// Changes of a card, as the audit log names them behind the service, and in both languages.
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "create domain",
        "make the security domain",
        "セキュリティドメインを作成",
    ),
    ("set domain keys", "give it first keys", "初期鍵を設定"),
    ("load package", "load the package", "パッケージをロード"),
    (
        "install applet",
        "install the applet",
        "アプレットをインストール",
    ),
    (
        "make selectable",
        "make the applet usable",
        "アプレットを利用可能化",
    ),
    ("lock", "lock the applet", "アプレットを停止"),
    ("unlock", "unlock the applet", "アプレットの停止を解除"),
    ("delete applet", "delete the applet", "アプレットを削除"),
    ("delete package", "delete the package", "パッケージを削除"),
    (
        "delete domain",
        "delete the security domain",
        "セキュリティドメインを削除",
    ),
];

/// Problems: who acts, and what to do, in both languages.
const REMEDIES: &[(&str, Who, &str, &str)] = &[
    (
        "INSUFFICIENT_SE_MEMORY",
        Who::Operator,
        "free room on the card (terminate another service) or replace the card, then ask again",
        "カードの空き領域を確保する(他のサービスを終了する)か、カードを交換してから再度依頼してください",
    ),
    (
        "CARD_UNREACHABLE",
        Who::User,
        "switch the phone on and keep it online, then ask again",
        "端末の電源を入れ、通信可能な状態で再度依頼してください",
    ),
    (
        "DIVERGED",
        Who::Operator,
        "read the card (`tsm card audit ICCID`) and look at the difference before anything else is done",
        "他の作業の前にカードを読み取り(`tsm card audit ICCID`)、差異を確認してください",
    ),
    (
        "DOUBLE_ISSUANCE",
        Who::User,
        "revoke the other credential first; a person has one",
        "先に他の証明書を失効してください。一人につき一つだけ発行できます",
    ),
    (
        "NO_CONTRACT",
        Who::Provider,
        "agree a contract with the issuer of the card (`tsm contract put`)",
        "カードの発行者と契約してください(`tsm contract put`)",
    ),
    (
        "CARD_LOCKED",
        Who::Operator,
        "unlock the card, or replace it",
        "カードの停止を解除するか、交換してください",
    ),
    (
        "CREDENTIAL_REVOKED",
        Who::User,
        "apply anew",
        "新たに申請してください",
    ),
    (
        "APPLICATION_CANCELLED",
        Who::User,
        "apply anew",
        "新たに申請してください",
    ),
];

enum Who {
    Operator,
    Provider,
    User,
}

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::Ja => &JA,
        }
    }

    fn pick<'a>(&self, en: &'a str, ja: &'a str) -> &'a str {
        match self.language {
            Language::En => en,
            Language::Ja => ja,
        }
    }

    /// A party of the audit log.
    pub(super) fn party<'a>(&self, party: &'a str) -> &'a str {
        match party {
            "carrier" => self.pick("the carrier", "通信事業者"),
            "mvno" => self.pick("the MVNO", "MVNO"),
            "j-lis" => self.pick("J-LIS", "J-LIS"),
            "service-provider" => self.pick("the service provider", "サービス提供者"),
            "municipality" => self.pick("the municipality", "市町村"),
            "user" => self.pick("the user", "利用者"),
            other => other,
        }
    }

    /// What was done. What has no words of its own is shown as the log has it.
    pub(super) fn action(&self, action: &str) -> String {
        for (known, en, ja) in ACTIONS {
            let words = self.pick(en, ja);
            // With a space at its end it is a beginning, else all of it.
            match action.strip_prefix(known) {
                Some("") => return words.to_owned(),
                Some(rest) if known.ends_with(' ') => return format!("{words}{rest}"),
                _ => {}
            }
        }
        let parts: Option<Vec<_>> = action.split("; ").map(|part| self.change(part)).collect();
        parts.map_or_else(|| action.to_owned(), |parts| parts.join("; "))
    }

    /// `jpki lock`, in words.
    fn change(&self, part: &str) -> Option<String> {
        let (service, name) = part.split_once(' ')?;
        let (_, en, ja) = CHANGES.iter().find(|(known, ..)| *known == name)?;
        Some(format!("{service}: {}", self.pick(en, ja)))
    }

    /// What came of it.
    pub(super) fn outcome(&self, outcome: &str) -> String {
        match outcome {
            "accepted" => self.pick("accepted", "受理"),
            "registered" => self.pick("registered", "登録済み"),
            other => other,
        }
        .to_owned()
    }

    /// A step as a sentence.
    pub(super) fn step(
        &self,
        at: &str,
        who: &str,
        what: &str,
        outcome: &str,
        party: &str,
    ) -> String {
        match self.language {
            Language::En => {
                format!("  {at}  {what}: {outcome}\n    asked by {who}; {party} answers for it\n")
            }
            Language::Ja => {
                format!("  {at}  {what}: {outcome}\n    依頼者 {who}、責任者 {party}\n")
            }
        }
    }

    /// Where a service stands.
    pub(super) fn stands(&self, service: &str, desired: &str, observed: &str) -> String {
        match self.language {
            Language::En => format!("{service} shall be {desired}; on the card it is {observed}"),
            Language::Ja => format!("{service}: 目標 {desired}、カード上 {observed}"),
        }
    }

    /// State of a service.
    pub(super) fn state(&self, state: ServiceState) -> &'static str {
        match state {
            ServiceState::Absent => self.pick("absent", "なし"),
            ServiceState::Installed => self.pick("installed", "搭載済み"),
            ServiceState::Active => self.pick("active", "利用可能"),
            ServiceState::Suspended => self.pick("suspended", "停止中"),
            ServiceState::Unspecified => self.pick("not known", "未確認"),
        }
    }

    /// State of a credential.
    pub(super) fn credential_state<'a>(&self, state: &'a str) -> &'a str {
        match state {
            "PENDING" => self.pick("its certificate is being made", "証明書を作成中"),
            "ISSUED" => self.pick("issued, not usable yet", "発行済み、まだ利用できません"),
            "ACTIVE" => self.pick("active", "有効"),
            "SUSPENDED" => self.pick("suspended", "一時停止中"),
            "REVOKED" => self.pick("revoked for good", "失効済み"),
            "EXPIRED" => self.pick("expired", "期限切れ"),
            other => other,
        }
    }

    /// Who acts on a problem, and how.
    pub(super) fn remedy(&self, problem: &str) -> (&'static str, &'static str) {
        let known = REMEDIES.iter().find(|(reason, ..)| *reason == problem);
        match known {
            Some((_, who, en, ja)) => {
                let who = match who {
                    Who::Operator => self.operator,
                    Who::Provider => self.provider,
                    Who::User => self.user,
                };
                (who, self.pick(en, ja))
            }
            None => (
                self.operator,
                self.pick(
                    "look at the reason and repeat the request when it is mended",
                    "理由を確認し、解消してから再度依頼してください",
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_actions_keep_their_rest() {
        let words = Words::of(Language::En);
        assert_eq!(words.action("read"), "the card was read");
        assert_eq!(
            words.action("desire jpki active"),
            "it was asked for: jpki active"
        );
        assert_eq!(words.action("deployed"), "deployed");
        assert_eq!(words.action("jpki lock; jpki glue"), "jpki lock; jpki glue");
        assert_eq!(
            words.action("jpki delete applet; a lock"),
            "jpki: delete the applet; a: lock the applet"
        );
    }

    #[test]
    fn every_problem_has_somebody_who_acts() {
        for language in [Language::En, Language::Ja] {
            for problem in ["INSUFFICIENT_SE_MEMORY", "SOMETHING_ELSE"] {
                let (who, what) = Words::of(language).remedy(problem);
                assert!(!who.is_empty() && !what.is_empty());
            }
        }
    }
}
