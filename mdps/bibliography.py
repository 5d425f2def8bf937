"""The works that are cited by key, as in `Source: finn2016.`

Equation numbers stand beside a key only where they were checked in the text. `derived` says that a formula was worked
out for this library; it is no claim to be the first.
"""

REFERENCES = {
    "alhafez2023": "F. Al-Hafez et al. LS-IQ: implicit reward regularization for inverse reinforcement learning. "
    "ICLR 2023.",
    "amari1998": "S. Amari. Natural gradient works efficiently in learning. Neural Computation 10, 1998.",
    "arjovsky2017": "M. Arjovsky, S. Chintala and L. Bottou. Wasserstein generative adversarial networks. ICML 2017.",
    "arjovsky2017principled": "M. Arjovsky and L. Bottou. Towards principled methods for training generative "
    "adversarial networks. ICLR 2017.",
    "bach2010": "F. Bach. Self-concordant analysis for logistic regression. Electronic Journal of Statistics 4, 2010.",
    "barker1965": "A. A. Barker. Monte Carlo calculations of the radial distribution functions for a proton-electron "
    "plasma. Australian Journal of Physics 18, 1965.",
    "bennett1976": "C. H. Bennett. Efficient estimation of free energy differences from Monte Carlo data. Journal of "
    "Computational Physics 22, 1976.",
    "berman1994": "A. Berman and R. J. Plemmons. Nonnegative Matrices in the Mathematical Sciences. SIAM, 1994.",
    "bernstein2005": "D. J. Bernstein. Factoring into coprimes in essentially linear time. Journal of Algorithms 54, "
    "2005.",
    "bertsekas1991": "D. P. Bertsekas and J. N. Tsitsiklis. An analysis of stochastic shortest path problems. "
    "Mathematics of Operations Research 16, 1991.",
    "besag1975": "J. Besag. Statistical analysis of non-lattice data. The Statistician 24, 1975.",
    "bradley1952": "R. A. Bradley and M. E. Terry. Rank analysis of incomplete block designs: the method of paired "
    "comparisons. Biometrika 39, 1952.",
    "cao2021": "H. Cao, S. Cohen and L. Szpruch. Identifiability in inverse reinforcement learning. NeurIPS 2021.",
    "cover2006": "T. M. Cover and J. A. Thomas. Elements of Information Theory. Wiley, 2006.",
    "dai2017": "Z. Dai et al. Calibrating energy-based generative adversarial networks. ICLR 2017.",
    "dealfaro1997": "L. de Alfaro. Formal Verification of Probabilistic Systems. PhD thesis, Stanford, 1997.",
    "denardo1977": "E. V. Denardo. Periods of connected networks and powers of nonnegative matrices. Mathematics of "
    "Operations Research 2, 1977.",
    "diwan2026": "Diwan et al. Trust-region inverse reinforcement learning (TRIRL). ICML 2026, arXiv 2605.11020.",
    "finn2016": "C. Finn, P. Christiano, P. Abbeel and S. Levine. A connection between generative adversarial "
    "networks, "
    "inverse reinforcement learning, and energy-based models. arXiv 1611.03852, 2016.",
    "finn2016gcl": "C. Finn, S. Levine and P. Abbeel. Guided cost learning: deep inverse optimal control via policy "
    "optimization. ICML 2016.",
    "fu2018": "J. Fu, K. Luo and S. Levine. Learning robust rewards with adversarial inverse reinforcement learning. "
    "ICLR 2018.",
    "garg2021": "D. Garg et al. IQ-Learn: inverse soft-Q learning for imitation. NeurIPS 2021.",
    "geng2020": "S. Geng et al. Deep PQR: solving inverse reinforcement learning using anchor actions. ICML 2020.",
    "ghasemipour2020": "S. K. S. Ghasemipour, R. Zemel and S. Gu. A divergence minimization perspective on imitation "
    "learning methods. CoRL 2019 (PMLR 2020).",
    "gleave2021": "A. Gleave et al. Quantifying differences in reward functions. ICLR 2021.",
    "gleave2022": "A. Gleave and S. Toyer. A primer on maximum causal entropy inverse reinforcement learning. "
    "arXiv 2203.11409, 2022.",
    "goodfellow2014": "I. Goodfellow et al. Generative adversarial nets. NeurIPS 2014.",
    "goodfellow2014criteria": "I. Goodfellow. On distinguishability criteria for estimating generative models. "
    "arXiv 1412.6515, 2014.",
    "greensmith2004": "E. Greensmith, P. L. Bartlett and J. Baxter. Variance reduction techniques for gradient "
    "estimates in reinforcement learning. Journal of Machine Learning Research 5, 2004.",
    "gutmann2010": "M. Gutmann and A. Hyvarinen. Noise-contrastive estimation: a new estimation principle for "
    "unnormalized statistical models. AISTATS 2010.",
    "hazan2019": "E. Hazan et al. Provably efficient maximum entropy exploration. ICML 2019.",
    "hesterberg1988": "T. C. Hesterberg. Advances in Importance Sampling. PhD thesis, Stanford, 1988.",
    "higham2002": "N. J. Higham. Accuracy and Stability of Numerical Algorithms. SIAM, 2002.",
    "hinton2002": "G. E. Hinton. Training products of experts by minimizing contrastive divergence. Neural Computation "
    "14, 2002.",
    "ho2016": "J. Ho and S. Ermon. Generative adversarial imitation learning. NeurIPS 2016.",
    "in-toto": "in-toto Attestation Framework, Statement v1. https://in-toto.io/Statement/v1.",
    "kim2016": "T. Kim and Y. Bengio. Deep directed generative models with energy-based probability estimation. "
    "arXiv 1606.03439, 2016.",
    "kim2021": "K. Kim et al. Reward identification in inverse reinforcement learning. ICML 2021.",
    "kostrikov2020": "I. Kostrikov, O. Nachum and J. Tompson. Imitation learning via off-policy distribution matching. "
    "ICLR 2020.",
    "lecun2006": "Y. LeCun et al. A tutorial on energy-based learning. In: Predicting Structured Data, MIT "
    "Press, 2006.",
    "lehmann1998": "E. L. Lehmann and G. Casella. Theory of Point Estimation. Springer, 1998.",
    "levin2009": "D. A. Levin, Y. Peres and E. L. Wilmer. Markov Chains and Mixing Times. AMS, 2009.",
    "levine2018": "S. Levine. Reinforcement learning and control as probabilistic inference: tutorial and review. "
    "arXiv 1805.00909, 2018.",
    "lin1991": "J. Lin. Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37, "
    "1991.",
    "linnainmaa1976": "S. Linnainmaa. Taylor expansion of the accumulated rounding error. BIT 16, 1976.",
    "meng1996": "X.-L. Meng and W. H. Wong. Simulating ratios of normalizing constants via a simple identity: a "
    "theoretical exploration. Statistica Sinica 6, 1996.",
    "ng1999": "A. Y. Ng, D. Harada and S. Russell. Policy invariance under reward transformations: theory and "
    "application to reward shaping. ICML 1999.",
    "ni2020": "T. Ni et al. f-IRL: inverse reinforcement learning via state marginal matching. CoRL 2020.",
    "nocedal2006": "J. Nocedal and S. J. Wright. Numerical Optimization. Springer, 2006.",
    "nowozin2016": "S. Nowozin, B. Cseke and R. Tomioka. f-GAN: training generative neural samplers using variational "
    "divergence minimization. NeurIPS 2016.",
    "owen2013": "A. B. Owen. Monte Carlo Theory, Methods and Examples. 2013.",
    "pocklington1914": "H. C. Pocklington. The determination of the prime or composite nature of large numbers by "
    "Fermat's theorem. Proceedings of the Cambridge Philosophical Society 18, 1914.",
    "puterman1994": "M. L. Puterman. Markov Decision Processes. Wiley, 1994.",
    "rafailov2023": "R. Rafailov et al. Direct preference optimization: your language model is secretly a reward "
    "model. NeurIPS 2023.",
    "rafailov2024": "R. Rafailov et al. From r to Q*: your language model is secretly a Q-function. arXiv 2404.12358, "
    "2024.",
    "reddy2020": "S. Reddy, A. D. Dragan and S. Levine. SQIL: imitation learning via reinforcement learning with "
    "sparse rewards. ICLR 2020.",
    "rockafellar1970": "R. T. Rockafellar. Convex Analysis. Princeton University Press, 1970.",
    "rolland2022": "P. Rolland et al. Identifiability and generalizability from multiple experts in inverse "
    "reinforcement learning. NeurIPS 2022.",
    "rump2010": "S. M. Rump. Verification methods: rigorous results using floating-point arithmetic. Acta Numerica 19, "
    "2010.",
    "schwartz1980": "J. T. Schwartz. Fast probabilistic algorithms for verification of polynomial identities. Journal "
    "of the ACM 27, 1980.",
    "shirts2003": "M. R. Shirts et al. Equilibrium free energies from nonequilibrium measurements using "
    "maximum-likelihood methods. Physical Review Letters 91, 2003.",
    "siskind2008": "J. M. Siskind and B. A. Pearlmutter. Nesting forward-mode AD in a functional framework. "
    "Higher-Order and Symbolic Computation 21, 2008.",
    "skalse2023": "J. Skalse et al. Invariance in policy optimisation and partial identifiability in reward learning. "
    "ICML 2023.",
    "skalse2024": "J. Skalse et al. STARC: a general framework for quantifying differences between reward functions. "
    "ICLR 2024.",
    "sohldickstein2011": "J. Sohl-Dickstein, P. Battaglino and M. R. DeWeese. Minimum probability flow learning. "
    "ICML 2011.",
    "squire1998": "W. Squire and G. Trapp. Using complex variables to estimate derivatives of real functions. SIAM "
    "Review 40, 1998.",
    "sutskever2010": "I. Sutskever and T. Tieleman. On the convergence properties of contrastive divergence. "
    "AISTATS 2010.",
    "sutton2000": "R. S. Sutton et al. Policy gradient methods for reinforcement learning with function approximation. "
    "NeurIPS 1999 (proceedings 2000).",
    "takahasi1974": "H. Takahasi and M. Mori. Double exponential formulas for numerical integration. Publications of "
    "RIMS 9, 1974.",
    "varah1975": "J. M. Varah. A lower bound for the smallest singular value of a matrix. Linear Algebra and its "
    "Applications 11, 1975.",
    "villani2009": "C. Villani. Optimal Transport: Old and New. Springer, 2009.",
    "wilkinson1986": "J. H. Wilkinson. Error analysis revisited. IMA Bulletin 22, 1986.",
    "williams1992": "R. J. Williams. Simple statistical gradient-following algorithms for connectionist reinforcement "
    "learning. Machine Learning 8, 1992.",
    "zhai2016": "S. Zhai et al. Generative adversarial networks as variational training of energy based models. "
    "arXiv 1611.01799, 2016.",
    "zhao2016": "J. Zhao, M. Mathieu and Y. LeCun. Energy-based generative adversarial network. arXiv "
    "1609.03126, 2016.",
    "ziebart2008": "B. D. Ziebart et al. Maximum entropy inverse reinforcement learning. AAAI 2008.",
    "ziebart2010": "B. D. Ziebart. Modeling Purposeful Adaptive Behavior with the Principle of Maximum Causal Entropy. "
    "PhD thesis, Carnegie Mellon University, 2010.",
    "zippel1979": "R. Zippel. Probabilistic algorithms for sparse polynomials. EUROSAM 1979.",
}
