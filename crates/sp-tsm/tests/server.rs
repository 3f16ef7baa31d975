//! The server over mutual TLS: applications signed by the `openssl` command
//! line, refusals with their reasons, restarts. No operator and no card: those
//! are in the scenarios of `/tests`.

#[cfg(test)]
#[path = "server/setup.rs"]
mod setup;
#[cfg(test)]
#[path = "../src/test_openssl.rs"]
#[expect(dead_code, reason = "shared with the unit tests, which use more of it")]
mod test_openssl;

use tsm_proto::sp::{self, ApplicationState};

use setup::{Setup, reason, submit};

#[tokio::test]
async fn takes_an_application_once() {
    let setup = Setup::new();
    let server = setup.start().await;
    let mut client = setup.applications(&server, "tsm://j-lis/operator");
    let cms = setup.sign("citizen-1", "n-1", "-outform DER");

    let first = submit(&mut client, "r-1", &cms).await.expect("accepted");
    assert_eq!(first.state(), ApplicationState::Approved);
    assert_eq!(first.iccid, setup::ICCID);
    let again = submit(&mut client, "r-1", &cms).await.expect("same answer");
    assert_eq!(again, first);

    let other = setup.sign("citizen-1", "n-2", "-outform PEM");
    assert_eq!(
        reason(submit(&mut client, "r-1", &other).await),
        "REQUEST_ID_REUSED"
    );
    assert_eq!(
        reason(submit(&mut client, "r-2", &cms).await),
        "REPLAYED_APPLICATION"
    );
    assert_eq!(
        reason(submit(&mut client, "r-3", &other).await),
        "DOUBLE_ISSUANCE"
    );
    assert_eq!(setup::all(&mut client).await, [first]);
    server.shutdown().await.expect("orderly end");
}

#[tokio::test]
async fn of_two_at_the_same_moment_one_is_taken() {
    let setup = Setup::new();
    let server = setup.start().await;
    let mut clients: Vec<_> = (0..4)
        .map(|_| setup.applications(&server, "tsm://j-lis/citizen"))
        .collect();
    let messages: Vec<_> = (0..4)
        .map(|n| setup.sign("citizen-1", &format!("n-{n}"), "-outform DER"))
        .collect();
    let mut calls = tokio::task::JoinSet::new();
    for (index, (mut client, cms)) in clients.drain(..).zip(messages).enumerate() {
        calls.spawn(async move { submit(&mut client, &format!("r-{index}"), &cms).await });
    }
    let (taken, refused): (Vec<_>, Vec<_>) =
        calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(taken.len(), 1);
    for refusal in refused {
        assert_eq!(reason(refusal), "DOUBLE_ISSUANCE");
    }
}

#[tokio::test]
async fn refuses_bad_applications_and_keeps_nothing_of_them() {
    let setup = Setup::new();
    let server = setup.start().await;
    let mut client = setup.applications(&server, "tsm://j-lis/operator");

    let good = setup.sign("citizen-1", "n-1", "-outform DER");
    let mut changed = good.clone();
    let place = good.windows(5).position(|w| w == b"89811").expect("iccid");
    changed[place + 3] = b'2';
    assert_eq!(
        reason(submit(&mut client, "r-1", &changed).await),
        "SIGNATURE_INVALID"
    );

    setup
        .openssl
        .authority("stranger", "/C=JP/CN=X/serialNumber=P-9");
    let unknown = setup.sign("stranger", "n-1", "-outform DER");
    assert_eq!(
        reason(submit(&mut client, "r-2", &unknown).await),
        "CHAIN_UNTRUSTED"
    );

    setup.expired_citizen("late");
    let expired = setup.sign("late", "n-1", "-outform DER");
    assert_eq!(
        reason(submit(&mut client, "r-3", &expired).await),
        "SIGNING_CERT_EXPIRED"
    );

    let smime = setup.sign("citizen-1", "n-1", "");
    assert_eq!(
        reason(submit(&mut client, "r-4", &smime).await),
        "CMS_MALFORMED"
    );
    assert_eq!(
        reason(submit(&mut client, "", &good).await),
        "INVALID_ARGUMENT"
    );
    assert!(submit(&mut client, "r-5", &vec![0; 70_000]).await.is_err());

    assert_eq!(setup::all(&mut client).await, []);
    submit(&mut client, "r-6", &good)
        .await
        .expect("still acceptable");
}

#[tokio::test]
async fn an_operator_that_is_away_costs_only_the_attempt() {
    let setup = Setup::new();
    let server = setup.start().await;
    let mut client = setup.applications(&server, "tsm://j-lis/operator");
    let cms = setup.sign("citizen-1", "n-1", "-outform DER");
    let accepted = submit(&mut client, "r-1", &cms).await.expect("accepted");

    let request = |pin: &str| sp::ProvisionCredentialRequest {
        application_id: accepted.id.clone(),
        pin: pin.to_owned(),
    };
    assert_eq!(
        reason(client.provision_credential(request("12345")).await),
        "PIN_MALFORMED"
    );
    let mut progress = client
        .provision_credential(request("0424"))
        .await
        .expect("stream")
        .into_inner();
    let first = progress
        .message()
        .await
        .expect("progress")
        .expect("first message");
    assert_eq!(
        (first.application.as_ref(), first.stage),
        (Some(&accepted), None)
    );
    let refusal = progress.message().await.expect_err("no operator");
    assert_eq!(refusal.code(), tonic::Code::Unavailable, "{refusal:?}");
    assert_eq!(setup::all(&mut client).await, [accepted]);
}

#[tokio::test]
async fn what_was_accepted_outlives_a_crash() {
    let setup = Setup::new();
    let server = setup.start().await;
    let mut client = setup.applications(&server, "tsm://j-lis/operator");
    let cms = setup.sign("citizen-1", "n-1", "-outform DER");
    let accepted = submit(&mut client, "r-1", &cms).await.expect("accepted");
    server.kill().await;

    let server = setup.start().await;
    let mut client = setup.applications(&server, "tsm://j-lis/operator");
    assert_eq!(
        setup::all(&mut client).await,
        std::slice::from_ref(&accepted)
    );
    let again = submit(&mut client, "r-1", &cms).await.expect("same answer");
    assert_eq!(again.id, accepted.id);
    assert_eq!(
        reason(submit(&mut client, "r-2", &cms).await),
        "REPLAYED_APPLICATION"
    );
}

#[tokio::test]
async fn turns_away_whom_it_does_not_serve() {
    let setup = Setup::new();
    let server = setup.start().await;
    let cms = setup.sign("citizen-1", "n-1", "-outform DER");
    for (identity, expected) in [
        ("tsm://carrier/citizen", "TENANT_FORBIDDEN"),
        ("tsm://j-lis/verifier", "PERMISSION_DENIED"),
        ("tsm://carrier/device", "PERMISSION_DENIED"),
        ("https://j-lis/citizen", "UNAUTHENTICATED"),
    ] {
        let mut client = setup.applications(&server, identity);
        assert_eq!(
            reason(submit(&mut client, "r-1", &cms).await),
            expected,
            "{identity}"
        );
    }
    let mut citizen = setup.applications(&server, "tsm://j-lis/operator");
    assert_eq!(setup::all(&mut citizen).await, []);
}

#[tokio::test]
async fn knows_nothing_of_certificates_of_others() {
    let setup = Setup::new();
    let server = setup.start().await;
    let channel = setup.channel(&server, "tsm://shop/verifier");
    let mut client = sp::verification_service_client::VerificationServiceClient::new(channel);
    setup.openssl.run(
        "x509 -in citizen-1.pem -outform DER -out citizen-1.der",
        &[],
    );
    let request = |der: Vec<u8>| sp::CheckCertificateRequest {
        certificate_der: der.into(),
    };
    let answer = client
        .check_certificate(request(setup.openssl.read("citizen-1.der")))
        .await;
    let status = answer.expect("answer").into_inner().status();
    assert_eq!(status, sp::check_certificate_response::Status::Unknown);
    assert_eq!(
        reason(client.check_certificate(request(vec![1])).await),
        "INVALID_ARGUMENT"
    );
}

#[tokio::test]
async fn fills_its_key_pool_and_says_so() {
    let setup = Setup::new();
    let server = setup.start().await;
    let channel = setup.channel(&server, "tsm://j-lis/operator");
    let mut client = sp::operations_service_client::OperationsServiceClient::new(channel);
    loop {
        let answer = client
            .get_readiness(sp::GetReadinessRequest {})
            .await
            .expect("readiness");
        let readiness = answer.into_inner();
        assert_eq!(readiness.key_pool_target, 1);
        if readiness.key_pool_size == readiness.key_pool_target {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_servers_can_not_share_a_store() {
    let setup = Setup::new();
    let _server = setup.start().await;
    assert!(setup.try_start().await.is_err());
}
