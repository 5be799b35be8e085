internal import CertStore

extension KeyTable {
  /// The places of other providers among what is done after a renewal; `path` is that of the list.
  static func destinations(_ path: String) -> [Key] {
    kubernetes("\(path)[].kubernetes") + awsACM("\(path)[].aws_acm")
      + azureKeyVault("\(path)[].azure_key_vault") + vault("\(path)[].vault")
  }

  private static func kubernetes(_ path: String) -> [Key] {
    [
      Key(path, .section, .described("none"), "A Secret of type `kubernetes.io/tls`, by server-side apply."),
      Key(\KubernetesSecret.secret, "\(path).secret", .text(.cloudName), .required, "The Secret's name."),
      Key(
        \KubernetesSecret.namespace, "\(path).namespace", .text(.cloudName),
        .described("the pod's, or that of the kubeconfig's context"), "Its namespace."),
      Key(
        \KubernetesSecret.kubeconfig, "\(path).kubeconfig", .text(.path),
        .described("`KUBECONFIG`, else the pod's service account"), "How the cluster is reached."),
      Key(
        \KubernetesSecret.context, "\(path).context", .text(.line), .described("the file's current one"),
        "The kubeconfig's context."),
      Key(
        \KubernetesSecret.force, "\(path).force", .boolean,
        "Whether fields that another manager has set are taken from it."),
    ]
  }

  private static func awsACM(_ path: String) -> [Key] {
    [
      Key(
        path, .section, .described("none"),
        "AWS Certificate Manager: imported once, and under the same ARN from then on."),
      Key(\ACMCertificate.region, "\(path).region", .text(.line), .required, "The region, `eu-central-1`."),
      Key(
        \ACMCertificate.arn, "\(path).arn", .text(.line),
        .described("the one that certd has tagged with the certificate's name, else a new one"),
        "The certificate that is imported again."),
      Key(
        \ACMCertificate.credentials, "\(path).credentials", .text(.path),
        .described(
          "`AWS_SHARED_CREDENTIALS_FILE`, the environment, a web identity, the container's or machine's role"),
        "A file as AWS's tools have it."),
      Key(\ACMCertificate.profile, "\(path).profile", .text(.line), "The profile in that file."),
    ]
  }

  private static func azureKeyVault(_ path: String) -> [Key] {
    [
      Key(path, .section, .described("none"), "Azure Key Vault: a new version of a certificate, as PKCS#12."),
      Key(
        \KeyVaultCertificate.vault, "\(path).vault", .text(.endpoint), .required,
        "The vault, `https://NAME.vault.azure.net`."),
      Key(
        \KeyVaultCertificate.certificate, "\(path).certificate", .text(.line), .required,
        "The certificate's name: letters, digits and dashes."),
      Key(
        \KeyVaultCertificate.tenant, "\(path).tenant", .text(.line), .described("`AZURE_TENANT_ID`"),
        "The tenant of the client."),
      Key(
        \KeyVaultCertificate.clientID, "\(path).client_id", .text(.line), .described("`AZURE_CLIENT_ID`"),
        "The client, or the managed identity that a user has assigned."),
      Key(
        \KeyVaultCertificate.clientSecretFile, "\(path).client_secret_file", .text(.path),
        .described("a workload identity (`AZURE_FEDERATED_TOKEN_FILE`), else the machine's managed identity"),
        "File with the client's secret."),
    ]
  }

  private static func vault(_ path: String) -> [Key] {
    [
      Key(
        path, .section, .described("none"),
        "HashiCorp Vault's KV engine, or OpenBao's: `certificate`, `chain`, `fullchain`, `private_key`, `not_after`."
      ),
      Key(\VaultSecret.address, "\(path).address", .text(.endpoint), .required, "Vault's URL."),
      Key(\VaultSecret.mount, "\(path).mount", .text(.line), "Where the engine is mounted."),
      Key(\VaultSecret.path, "\(path).path", .text(.line), .required, "The secret's path in it."),
      Key(\VaultSecret.version, "\(path).version", .integer(1...2), "The engine's version."),
      Key(
        \VaultSecret.namespace, "\(path).namespace", .text(.line), .described("none"), "Vault's namespace."),
      Key(
        \VaultSecret.tokenFile, "\(path).token_file", .text(.path), .described("`VAULT_TOKEN`"),
        "File with a token, read each time: an agent may renew it."),
      Key(
        \VaultSecret.roleID, "\(path).role_id", .text(.line), .described("none"), "An AppRole's identifier."),
      Key(
        \VaultSecret.secretIDFile, "\(path).secret_id_file", .text(.path), .described("none"),
        "File with the AppRole's secret."),
      Key(
        \VaultSecret.caFile, "\(path).ca_file", .text(.path),
        .described("`VAULT_CACERT`, else the system's roots"),
        "The roots that Vault's certificate is checked by, PEM."),
    ]
  }
}
