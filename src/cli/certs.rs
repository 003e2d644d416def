//! `kopir certs`: certificates for development. In service the parties agree on an authority.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::output::{Exit, Failure, note, print};
use crate::domain::party::{IdentityUri, Parties, PartyId};
use crate::engine::Clock;
use crate::trust::issue::{
    CertificateAuthority, CertificateDir, IssueError, ServerName, Validity, issue_ca, issue_party,
    issue_server,
};
use crate::trust::{pem, registry};

/// Certificates begin to hold this long before they are made, since clocks differ.
const CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_hours(1);

/// What an authority calls itself unless it is told otherwise.
const DEVELOPMENT_CA: &str = "Kopir development CA";

/// Make certificates for development. No certificate or key is ever overwritten.
#[derive(Debug, Subcommand)]
pub(super) enum CertsCommand {
    /// Make a certificate authority: ca.pem, which bus and parties trust, and its key
    ///
    /// Whoever has ca.key can be any party. Keep it off every machine that runs a real bus.
    ///
    /// Example:
    ///
    ///   kopir certs ca --dir certs
    #[command(verbatim_doc_comment)]
    Ca(CaArgs),
    /// Make the certificate of the bus: bus.pem and bus.key
    ///
    /// Clients accept it for the names and addresses given here and no other.
    ///
    /// Example:
    ///
    ///   kopir certs bus --dir certs --host localhost 127.0.0.1 bus.example.kz
    #[command(verbatim_doc_comment)]
    Bus(BusArgs),
    /// Make certificates of parties: PARTY.pem and PARTY.key for each
    ///
    /// The bus knows a party by the identity in its certificate, urn:kopir:party:PARTY.
    ///
    /// Example:
    ///
    ///   kopir certs party --dir certs mission-uz migration-committee
    #[command(verbatim_doc_comment)]
    Party(PartyArgs),
    /// Make all that a bus for development needs: authority, bus, and every party of a registry
    ///
    /// What is there already is kept, so the command adds what a grown registry lacks.
    ///
    /// Example:
    ///
    ///   kopir certs dev --dir certs --registry deploy/parties.toml
    #[command(verbatim_doc_comment)]
    Dev(DevArgs),
    /// Make the authority's next revocation list, ca.crl, and take certificates back with it
    ///
    /// Each list has a number of its own, one more than the list in place, and goes on revoking what
    /// that one does; without --party and --certificate it only renews it. A bus that has the file in
    /// tls.crl_files has the new one in force within seconds, and ends the connections of whom it
    /// revokes. Where the file is not there, the first list is made.
    ///
    /// Examples:
    ///
    ///   kopir certs crl --dir certs
    ///   kopir certs crl --dir certs --party mission-uz --days 30
    ///   kopir certs crl --dir certs --certificate old/mission-uz.pem
    #[command(verbatim_doc_comment)]
    Crl(CrlArgs),
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The directory of the certificates; it is made if it is not there
    #[arg(long)]
    dir: PathBuf,
    /// For how many days the certificates hold, or until the next revocation list is due
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
}

#[derive(Debug, Args)]
pub(super) struct Hosts {
    /// The DNS names and addresses by which clients reach the bus
    #[arg(long = "host", num_args = 1.., default_values = ["localhost", "127.0.0.1", "::1"])]
    hosts: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct CaArgs {
    #[command(flatten)]
    place: Place,
    /// What the authority calls itself
    #[arg(long, default_value = DEVELOPMENT_CA)]
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct BusArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    hosts: Hosts,
}

#[derive(Debug, Args)]
pub(super) struct PartyArgs {
    #[command(flatten)]
    place: Place,
    /// The parties, as the registry names them
    #[arg(required = true)]
    parties: Vec<PartyId>,
}

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    hosts: Hosts,
    /// The party registry
    #[arg(long)]
    registry: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct CrlArgs {
    #[command(flatten)]
    place: Place,
    /// A party whose certificate in the directory is taken back; may be given again
    #[arg(long, value_name = "PARTY")]
    party: Vec<PartyId>,
    /// A file with a certificate that is taken back; may be given again
    #[arg(long, value_name = "FILE")]
    certificate: Vec<PathBuf>,
}

pub(super) fn run(command: &CertsCommand) -> Result<(), Failure> {
    let place = match command {
        CertsCommand::Ca(CaArgs { place, .. })
        | CertsCommand::Bus(BusArgs { place, .. })
        | CertsCommand::Party(PartyArgs { place, .. })
        | CertsCommand::Dev(DevArgs { place, .. })
        | CertsCommand::Crl(CrlArgs { place, .. }) => place,
    };
    let mut desk = Desk::new(place)?;
    let done = issue(&mut desk, command);
    // Told in the end and in any case: a reader that closes the pipe must not leave half of the
    // certificates unmade, nor a failure in silence what was made before it.
    let told = desk.tell();
    done.and(told)
}

fn issue(desk: &mut Desk, command: &CertsCommand) -> Result<(), Failure> {
    match command {
        CertsCommand::Ca(CaArgs { name, .. }) => desk.authority(name).map(drop),
        CertsCommand::Bus(BusArgs { hosts, .. }) => {
            let names = hosts.names()?;
            let ca = desk.existing_authority()?;
            desk.bus(&ca, &names)
        }
        CertsCommand::Party(PartyArgs { parties, .. }) => {
            let ca = desk.existing_authority()?;
            parties.iter().try_for_each(|party| desk.party(&ca, party))
        }
        CertsCommand::Dev(DevArgs { hosts, registry, .. }) => {
            let names = hosts.names()?;
            let parties = registry::read(registry).map_err(Failure::usage)?;
            dev(desk, &names, &parties)
        }
        CertsCommand::Crl(CrlArgs { party, certificate, .. }) => {
            let of_party = party.iter().map(|party| desk.dir.party_certificate(party));
            let files: Vec<_> = of_party.chain(certificate.iter().cloned()).collect();
            let ca = desk.existing_authority()?;
            desk.list(&ca, &files)
        }
    }
}

fn dev(desk: &mut Desk, names: &[ServerName<'_>], parties: &Parties) -> Result<(), Failure> {
    let dir = desk.dir.clone();
    let ca = if desk.keeps(&dir.ca_certificate(), &dir.ca_key()) {
        dir.load_ca().map_err(Failure::failed)?
    } else {
        desk.authority(DEVELOPMENT_CA)?
    };
    if !desk.keeps(&dir.bus_certificate(), &dir.bus_key()) {
        desk.bus(&ca, names)?;
    }
    for party in parties.iter() {
        let id = &party.id;
        if !party.identities.contains(&IdentityUri::of(id)) {
            note(format_args!("{id}: no certificate, the registry has no identity {id} for it"));
        } else if !desk.keeps(&dir.party_certificate(id), &dir.party_key(id)) {
            desk.party(&ca, id)?;
        }
    }
    Ok(())
}

impl Hosts {
    fn names(&self) -> Result<Vec<ServerName<'static>>, Failure> {
        let name = |host: &String| {
            ServerName::try_from(host.clone()).map_err(|_| {
                Failure::usage(anyhow!(
                    "--host: {host:?} is neither a DNS name nor an IP address; \
                     write one such as localhost, without scheme and port"
                ))
            })
        };
        self.hosts.iter().map(name).collect()
    }
}

/// Where certificates are issued, for how long, and what was.
struct Desk {
    dir: CertificateDir,
    validity: Validity,
    /// One line for each file written.
    written: String,
    /// Pairs that were there.
    kept: usize,
}

impl Desk {
    fn new(place: &Place) -> Result<Self, Failure> {
        Ok(Self {
            dir: CertificateDir::new(&place.dir),
            validity: validity(Clock::System.now(), place.days)?,
            written: String::new(),
            kept: 0,
        })
    }

    fn tell(&self) -> Result<(), Failure> {
        if self.kept > 0 {
            note(format_args!("{} pairs were there and are kept", self.kept));
        }
        print(&self.written)
    }

    /// Whether a pair is complete and stays. Of half a pair the writing tells that it is in the
    /// way.
    fn keeps(&mut self, certificate: &Path, key: &Path) -> bool {
        let there = certificate.exists() && key.exists();
        self.kept += usize::from(there);
        there
    }

    fn existing_authority(&self) -> Result<CertificateAuthority, Failure> {
        let certificate = self.dir.ca_certificate();
        if !certificate.exists() {
            return Err(Failure::usage(anyhow!(
                "{}: is not there; make an authority first, with `kopir certs ca`",
                certificate.display()
            )));
        }
        self.dir.load_ca().map_err(Failure::failed)
    }

    fn authority(&mut self, name: &str) -> Result<CertificateAuthority, Failure> {
        let ca = issue_ca(name, self.validity).map_err(|why| {
            let named_wrong = matches!(why, IssueError::AuthorityName);
            Failure::new(if named_wrong { Exit::Usage } else { Exit::Failed }, why)
        })?;
        self.dir.create().map_err(Failure::failed)?;
        self.dir.save_ca(&ca).map_err(Failure::failed)?;
        self.wrote(&self.dir.ca_certificate(), "the authority; bus and parties trust it");
        self.wrote(&self.dir.ca_key(), "its key; whoever has it can be any party");
        Ok(ca)
    }

    fn bus(&mut self, ca: &CertificateAuthority, names: &[ServerName<'_>]) -> Result<(), Failure> {
        let issued = issue_server(ca, names, self.validity).map_err(Failure::failed)?;
        self.dir.save_bus(&issued).map_err(Failure::failed)?;
        self.wrote(&self.dir.bus_certificate(), "the bus, as its clients see it");
        self.wrote(&self.dir.bus_key(), "its key; only the bus reads it");
        Ok(())
    }

    fn party(&mut self, ca: &CertificateAuthority, party: &PartyId) -> Result<(), Failure> {
        let issued = issue_party(ca, party, self.validity).map_err(Failure::failed)?;
        self.dir.save_party(party, &issued).map_err(Failure::failed)?;
        self.wrote(&self.dir.party_certificate(party), &format!("{party}, as the bus sees it"));
        self.wrote(&self.dir.party_key(party), "its key; only that party's system reads it");
        Ok(())
    }

    /// The next revocation list, with the certificates of these files.
    fn list(&mut self, ca: &CertificateAuthority, files: &[PathBuf]) -> Result<(), Failure> {
        let mut list = self.dir.load_crl().map_err(Failure::usage)?;
        for file in files {
            let certificate = pem::certificates(file).map_err(Failure::usage)?.swap_remove(0);
            let told = |why| Failure::usage(anyhow!("{}: {why}", file.display()));
            if !list.revoke(ca, &certificate, Clock::System.now()).map_err(told)? {
                note(format_args!("{}: was taken back before", file.display()));
            }
        }
        self.dir.replace_crl(ca, &mut list, self.validity).map_err(Failure::failed)?;
        let (number, count) = (list.number, list.revoked.len());
        self.wrote(&self.dir.crl(), &format!("list {number}, certificates revoked: {count}"));
        Ok(())
    }

    fn wrote(&mut self, file: &Path, purpose: &str) {
        self.written += &format!("{}: {purpose}\n", file.display());
    }
}

fn validity(now: Timestamp, days: u16) -> Result<Validity, Failure> {
    let span = SignedDuration::from_hours(24 * i64::from(days));
    let from = now.checked_sub(CLOCK_DIFFERENCE).map_err(Failure::failed)?;
    let to = now.checked_add(span).map_err(Failure::failed)?;
    Validity::new(from, to).map_err(Failure::failed)
}
